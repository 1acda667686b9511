import { type Amounts, add, type Dimension, nothing, subtract } from './amounts.ts'

const windowS = 60

/**
 * What was taken in the last minute, in buckets of one second. A bucket counts until its last instant is a minute
 * old, so no 60 seconds ever hold more than the sum says. Times are seconds of a clock that never goes back.
 */
export class MinuteWindow {
  readonly #buckets: Map<number, Amounts>
  #sum: Amounts

  constructor(buckets: Iterable<readonly [number, Amounts]> = []) {
    this.#buckets = new Map(buckets)
    this.#sum = [...this.#buckets.values()].reduce(add, nothing)
  }

  get sum(): Amounts {
    return this.#sum
  }

  take(second: number, amounts: Amounts) {
    this.#buckets.set(second, add(this.#buckets.get(second) ?? nothing, amounts))
    this.#sum = add(this.#sum, amounts)
  }

  /** Whether anything taken at `second` still counts. */
  counts(second: number): boolean {
    return this.#buckets.has(second)
  }

  /** Undoes part of what was taken at `second`; nothing to undo once that second has left the window. */
  giveBack(second: number, amounts: Amounts) {
    const bucket = this.#buckets.get(second)
    if (!bucket) return
    this.#buckets.set(second, subtract(bucket, amounts))
    this.#sum = subtract(this.#sum, amounts)
  }

  /** Drops the buckets that no longer count at `second`. */
  advance(second: number) {
    for (const [start, amounts] of this.#buckets) {
      if (leavesAt(start) > second) return
      this.#buckets.delete(start)
      this.#sum = subtract(this.#sum, amounts)
    }
  }

  /** The second at which at least `amount` will have left the window, if nothing is added. */
  freedAt(dimension: Dimension, amount: number, second: number): number {
    let freed = 0
    for (const [start, amounts] of this.#buckets) {
      freed += amounts[dimension]
      if (freed >= amount) return leavesAt(start)
    }
    return second + windowS + 1
  }

  entries(): [number, Amounts][] {
    return [...this.#buckets]
  }
}

function leavesAt(start: number): number {
  return start + windowS + 1
}
