import { dead, firstChars, type Matcher } from './matcher.ts'

/** Any string of `min` to `max` characters. A state is the number of characters so far, no further than matters. */
export class LengthMatcher implements Matcher {
  readonly start = 0
  readonly #min: number
  readonly #max: number

  constructor(min: number, max: number) {
    this.#min = min
    this.#max = max
  }

  next(state: number): number {
    if (state >= this.#max) return dead
    return this.#max === Number.POSITIVE_INFINITY ? Math.min(state + 1, this.#min) : state + 1
  }

  accepts(state: number): boolean {
    return state >= this.#min
  }

  nextChars(state: number, lo: number, hi: number, limit: number): readonly number[] {
    return state < this.#max ? firstChars(lo, hi, limit) : []
  }

  freeDepth(state: number): number {
    return this.#max - state
  }

  maxRest(state: number): number {
    return this.#max - state
  }

  steady(state: number, longest: number): boolean {
    return state >= this.#min && this.#max - state >= longest
  }

  maskState(state: number, longest: number): number {
    return state >= this.#min && this.#max - state > longest ? this.#min : state
  }

  count(state: number): number {
    return state < this.#max ? Number.POSITIVE_INFINITY : 1
  }
}
