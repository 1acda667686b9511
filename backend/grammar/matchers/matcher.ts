import type { Slice } from '../slices.ts'

/**
 * Walks one text, a string's characters or a number's digits, by small integer states. Every state but `dead` can
 * still be completed: a walk that stays out of `dead` never paints itself into a corner.
 */
export interface Matcher {
  readonly start: number
  next(state: number, char: number): number
  accepts(state: number): boolean
  /** Up to `limit` of the characters in [lo, hi] that may follow. */
  nextChars(state: number, lo: number, hi: number, limit: number): readonly number[]
  /** No string of at most this many characters of the slice leads to `dead`. */
  freeDepth(state: number, slice: Slice): number
  /** No accepted text is longer than this many characters from here. */
  maxRest(state: number): number
  /** Whether every plain text of up to `longest` characters leads on to states that mean the same as this one. */
  steady(state: number, longest: number): boolean
  /** One state for all that accept and refuse the same continuations of at most `longest` characters. */
  maskState?(state: number, longest: number): number
  /** How many texts are accepted from here; may be Infinity. */
  count(state: number): number
}

export const dead = -1

/** Characters of [lo, hi], surrogates left out, from the first up to `limit`. */
export function firstChars(lo: number, hi: number, limit: number): number[] {
  const chars: number[] = []
  for (let char = lo; char <= hi && chars.length < limit; char++) {
    if (char === 0xd800) char = 0xe000
    if (char <= hi) chars.push(char)
  }
  return chars
}

/** No token is longer in characters, as far as `freeDepth` cares; a larger value would only cost time. */
export const horizon = 128
