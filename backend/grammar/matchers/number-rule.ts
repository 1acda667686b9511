/** Which numbers, all conditions at once. */
export interface NumberRule {
  readonly integer: boolean
  readonly min: Bound | null
  readonly max: Bound | null
  readonly multiplesOf: readonly number[]
  readonly notMultiplesOf: readonly number[]
  /** One spelling a number: no exponent, no zeros at the end, no minus zero. */
  readonly canonical: boolean
}

export interface Bound {
  readonly value: number
  readonly exclusive: boolean
}
