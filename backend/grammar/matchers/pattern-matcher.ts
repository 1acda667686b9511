import { grammarTooLarge } from '../limits.ts'
import type { Dfa } from '../regex/dfa.ts'
import type { Slice } from '../slices.ts'
import { dead, firstChars, horizon, type Matcher } from './matcher.ts'

/** States looked at to learn how far a pattern leaves characters free. */
const maxLookAhead = 256

const maxSearch = 200_000

/**
 * Strings of an automaton with `min` to `max` characters. A state is (automaton state, characters so far), packed;
 * characters are counted no further than matters.
 */
export class PatternMatcher implements Matcher {
  readonly start = 0
  readonly #dfa: Dfa
  readonly #min: number
  readonly #max: number
  /** Characters are counted up to here. */
  readonly #cap: number
  readonly #shortest = new Map<number, number>()
  readonly #found = new Map<number, boolean>()
  readonly #free = new Map<number, number>()
  readonly #counts = new Map<number, number>()

  constructor(dfa: Dfa, min = 0, max = Number.POSITIVE_INFINITY) {
    this.#dfa = dfa
    this.#min = min
    this.#max = max
    this.#cap = max === Number.POSITIVE_INFINITY ? min : max
  }

  /** Whether there is any such string. */
  get possible(): boolean {
    return this.#live(0, 0)
  }

  next(state: number, char: number): number {
    return this.#follow(state, (dfaState) => this.#dfa.next(dfaState, char))
  }

  accepts(state: number): boolean {
    const { inner, length } = this.#unpack(state)
    return length >= this.#min && this.#dfa.accepts(inner)
  }

  nextChars(state: number, lo: number, hi: number, limit: number): readonly number[] {
    const chars: number[] = []
    for (const { from, to, index } of this.#dfa.runs(lo, hi)) {
      if (chars.length >= limit) break
      const next = this.#follow(state, (dfaState) => this.#dfa.nextByClass(dfaState, index))
      if (next !== dead) chars.push(...firstChars(from, to, limit - chars.length))
    }
    return chars
  }

  freeDepth(state: number, slice: Slice): number {
    const key = state * 4 + slice
    const known = this.#free.get(key)
    if (known !== undefined) return known
    const depth = this.#findFreeDepth(state, slice)
    this.#free.set(key, depth)
    return depth
  }

  steady(state: number): boolean {
    return this.#dfa.classes.every(
      ({ slice }, index) =>
        slice === 0 || this.#follow(state, (dfaState) => this.#dfa.nextByClass(dfaState, index)) === state,
    )
  }

  maxRest(state: number): number {
    return this.#max - this.#unpack(state).length
  }

  count(state: number): number {
    const known = this.#counts.get(state)
    if (known !== undefined) return known
    // met again below itself, a state has infinitely many completions, for every state can be completed
    this.#counts.set(state, Number.POSITIVE_INFINITY)
    let count = this.accepts(state) ? 1 : 0
    this.#dfa.classes.forEach(({ size }, index) => {
      if (size === 0) return
      const next = this.#follow(state, (dfaState) => this.#dfa.nextByClass(dfaState, index))
      if (next !== dead && count < Number.MAX_SAFE_INTEGER) count += size * this.count(next)
    })
    this.#counts.set(state, count)
    return count
  }

  #findFreeDepth(start: number, slice: Slice): number {
    const seen = new Set([start])
    let layer = [start]
    for (let depth = 0; depth < horizon; depth++) {
      const next: number[] = []
      for (const state of layer) {
        for (const [index, { slice: needed }] of this.#dfa.classes.entries()) {
          if (needed === 0 || needed > slice) continue
          const after = this.#follow(state, (dfaState) => this.#dfa.nextByClass(dfaState, index))
          if (after === dead) return depth
          if (seen.has(after)) continue
          seen.add(after)
          next.push(after)
        }
      }
      if (next.length === 0) return Number.POSITIVE_INFINITY
      if (seen.size > maxLookAhead) return depth + 1
      layer = next
    }
    return horizon
  }

  #follow(state: number, step: (dfaState: number) => number): number {
    const { inner, length } = this.#unpack(state)
    if (length >= this.#max) return dead
    const next = step(inner)
    const after = this.#longer(length)
    return this.#live(next, after) ? next * (this.#cap + 1) + after : dead
  }

  #live(inner: number, length: number): boolean {
    if (!this.#dfa.live(inner)) return false
    if (this.#max === Number.POSITIVE_INFINITY && this.#min === 0) return true
    const shortest = length + this.#shortestRest(inner)
    if (shortest > this.#max) return false
    if (shortest >= this.#min) return true
    return this.#search(inner, length)
  }

  /** Looks for any completion whose length fits, the slow way. */
  #search(inner: number, length: number): boolean {
    const start = inner * (this.#cap + 1) + length
    const known = this.#found.get(start)
    if (known !== undefined) return known
    const seen = new Set([start])
    const stack = [start]
    for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
      if (seen.size > maxSearch)
        throw grammarTooLarge('a pattern and its length limits are too much together')
      const at = this.#unpack(state)
      if (this.accepts(state) || this.#found.get(state) === true) {
        this.#found.set(start, true)
        return true
      }
      if (at.length >= this.#max || this.#found.get(state) === false) continue
      this.#dfa.classes.forEach(({ size }, index) => {
        const next = size === 0 ? 0 : this.#dfa.nextByClass(at.inner, index)
        const after = next * (this.#cap + 1) + this.#longer(at.length)
        if (size === 0 || seen.has(after) || !this.#dfa.live(next)) return
        seen.add(after)
        stack.push(after)
      })
    }
    for (const state of seen) this.#found.set(state, false)
    return false
  }

  /** Characters of the shortest string accepted from here. */
  #shortestRest(start: number): number {
    const known = this.#shortest.get(start)
    if (known !== undefined) return known
    const seen = new Set([start])
    let layer = [start]
    for (let depth = 0; layer.length > 0; depth++) {
      if (layer.some((state) => this.#dfa.accepts(state))) {
        this.#shortest.set(start, depth)
        return depth
      }
      layer = layer.flatMap((state) => this.#newSuccessors(state, seen))
    }
    this.#shortest.set(start, Number.POSITIVE_INFINITY)
    return Number.POSITIVE_INFINITY
  }

  #newSuccessors(state: number, seen: Set<number>): number[] {
    const out: number[] = []
    this.#dfa.classes.forEach(({ size }, index) => {
      if (size === 0) return
      const next = this.#dfa.nextByClass(state, index)
      if (seen.has(next) || !this.#dfa.live(next)) return
      seen.add(next)
      out.push(next)
    })
    return out
  }

  #longer(length: number): number {
    return Math.min(length + 1, this.#cap)
  }

  #unpack(state: number) {
    const length = state % (this.#cap + 1)
    return { inner: (state - length) / (this.#cap + 1), length }
  }
}
