/** Steps of the table per power of e. */
const stepsPerPower = 64

/** e^−x for 0 ≤ x < `end` to 14 digits, several times as fast as `Math.exp`: a table's entry and a short series. */
export class PowerTable {
  readonly #table: Float64Array

  constructor(end: number) {
    this.#table = Float64Array.from({ length: end * stepsPerPower + 1 }, (_, i) =>
      Math.exp(-i / stepsPerPower),
    )
  }

  ofMinus(x: number): number {
    const step = (x * stepsPerPower) | 0
    const rest = step / stepsPerPower - x // −1/64 < rest ≤ 0: the sixth power's term is below 2e-14
    const series = 1 + rest * (1 + rest * (1 / 2 + rest * (1 / 6 + rest * (1 / 24 + rest * (1 / 120)))))
    return (this.#table[step] as number) * series // in bounds
  }
}
