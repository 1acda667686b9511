import type { Slice } from '../slices.ts'
import { lowerBound, sortTexts } from './literal-matcher.ts'
import { dead, type Matcher } from './matcher.ts'

interface State {
  readonly inner: number
  /** The excluded texts that begin like the text so far, as a range of the sorted list. */
  readonly low: number
  readonly high: number
  readonly depth: number
}

/** What another matcher accepts, without some texts: the keys or elements an object or array already has. */
export class ExcludingMatcher implements Matcher {
  readonly start: number
  readonly #base: Matcher
  readonly #texts: readonly (readonly number[])[]
  readonly #states: State[] = []
  readonly #ids = new Map<string, number>()

  constructor(base: Matcher, texts: readonly string[]) {
    this.#base = base
    this.#texts = sortTexts(texts)
    this.start = this.#intern({ inner: base.start, low: 0, high: this.#texts.length, depth: 0 })
  }

  get possible(): boolean {
    return this.start !== dead
  }

  next(id: number, char: number): number {
    const state = this.#state(id)
    const inner = this.#base.next(state.inner, char)
    if (inner === dead) return dead
    const low = lowerBound(this.#texts, state.low, state.high, state.depth, char)
    const high = lowerBound(this.#texts, low, state.high, state.depth, char + 1)
    return this.#intern({ inner, low, high, depth: low < high ? state.depth + 1 : 0 })
  }

  accepts(id: number): boolean {
    const { inner, low, high, depth } = this.#state(id)
    const excluded = low < high && this.#texts[low]?.length === depth
    return !excluded && this.#base.accepts(inner)
  }

  nextChars(id: number, lo: number, hi: number, limit: number): readonly number[] {
    const state = this.#state(id)
    // an excluded text rules out one next character at most
    const candidates = this.#base.nextChars(state.inner, lo, hi, limit + state.high - state.low)
    return candidates.filter((char) => this.next(id, char) !== dead).slice(0, limit)
  }

  freeDepth(id: number, slice: Slice): number {
    const { inner, low, high } = this.#state(id)
    return low === high ? this.#base.freeDepth(inner, slice) : 0
  }

  steady(id: number, longest: number): boolean {
    const { inner, low, high } = this.#state(id)
    return (
      low === high &&
      this.#base.count(inner) === Number.POSITIVE_INFINITY &&
      this.#base.steady(inner, longest)
    )
  }

  maxRest(id: number): number {
    return this.#base.maxRest(this.#state(id).inner)
  }

  count(id: number): number {
    const state = this.#state(id)
    const total = this.#base.count(state.inner)
    return Number.isFinite(total) ? total - this.#excludedFrom(state) : total
  }

  #excludedFrom({ inner, low, high, depth }: State): number {
    return this.#texts.slice(low, high).filter((text) => acceptsRest(this.#base, inner, text.slice(depth)))
      .length
  }

  #intern(state: State): number {
    const key = `${state.inner},${state.low},${state.high},${state.depth}`
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const total = this.#base.count(state.inner)
    const live = !Number.isFinite(total) || total > this.#excludedFrom(state)
    const id = live ? this.#states.length : dead
    if (live) this.#states.push(state)
    this.#ids.set(key, id)
    return id
  }

  #state(id: number): State {
    const state = this.#states[id]
    if (state === undefined) throw new RangeError(`no state ${id}`)
    return state
  }
}

export function acceptsRest(matcher: Matcher, from: number, rest: readonly number[]): boolean {
  let state = from
  for (const char of rest) {
    state = matcher.next(state, char)
    if (state === dead) return false
  }
  return matcher.accepts(state)
}
