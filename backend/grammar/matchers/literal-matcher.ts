import { codePointsOf } from '../regex/char-set.ts'
import { dead, type Matcher } from './matcher.ts'

/**
 * One of the given texts. They are kept sorted, so that all texts with one prefix lie side by side: a state is
 * (first, past the last, length of the prefix), packed.
 */
export class LiteralMatcher implements Matcher {
  readonly start: number
  readonly #texts: readonly (readonly number[])[]
  readonly #span: number

  constructor(texts: Iterable<string>) {
    this.#texts = sortTexts(texts)
    this.#span = this.#texts.length + 1
    this.start = this.#pack(0, this.#texts.length, 0)
  }

  next(state: number, char: number): number {
    const { low, high, depth } = this.#unpack(state)
    const first = lowerBound(this.#texts, low, high, depth, char)
    const past = lowerBound(this.#texts, first, high, depth, char + 1)
    return first === past ? dead : this.#pack(first, past, depth + 1)
  }

  accepts(state: number): boolean {
    const { low, high, depth } = this.#unpack(state)
    return low < high && this.#texts[low]?.length === depth
  }

  nextChars(state: number, lo: number, hi: number, limit: number): readonly number[] {
    const { low, high, depth } = this.#unpack(state)
    return charsAt(this.#texts, low, high, depth, lo, hi).slice(0, limit)
  }

  freeDepth(): number {
    return 0
  }

  steady(): boolean {
    return false
  }

  maxRest(state: number): number {
    const { low, high, depth } = this.#unpack(state)
    let longest = 0
    for (let i = low; i < high; i++) longest = Math.max(longest, (this.#texts[i]?.length ?? 0) - depth)
    return longest
  }

  count(state: number): number {
    const { low, high } = this.#unpack(state)
    return high - low
  }

  #pack(low: number, high: number, depth: number): number {
    return (depth * this.#span + low) * this.#span + high
  }

  #unpack(state: number) {
    const high = state % this.#span
    const rest = (state - high) / this.#span
    const low = rest % this.#span
    return { low, high, depth: (rest - low) / this.#span }
  }
}

/** Distinct texts as code points, in lexicographic order: shorter ones before those they begin. */
export function sortTexts(texts: Iterable<string>): readonly (readonly number[])[] {
  return [...new Set(texts)].map(codePointsOf).sort(compareTexts)
}

function compareTexts(a: readonly number[], b: readonly number[]): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** The distinct characters in [lo, hi] at `depth` of the texts in [low, high), equal up to there. */
export function charsAt(
  texts: readonly (readonly number[])[],
  low: number,
  high: number,
  depth: number,
  lo: number,
  hi: number,
): number[] {
  const chars: number[] = []
  let at = lowerBound(texts, low, high, depth, lo)
  while (at < high) {
    const char = texts[at]?.[depth] ?? hi + 1
    if (char > hi) break
    chars.push(char)
    at = lowerBound(texts, at, high, depth, char + 1)
  }
  return chars
}

/** The first of the texts in [low, high), equal up to `depth`, whose character there is at least `char`. */
export function lowerBound(
  texts: readonly (readonly number[])[],
  low: number,
  high: number,
  depth: number,
  char: number,
): number {
  while (low < high) {
    const middle = (low + high) >> 1
    if ((texts[middle]?.[depth] ?? -1) < char) low = middle + 1
    else high = middle
  }
  return low
}
