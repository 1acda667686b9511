/**
 * Walks one text, a string's characters or a number's digits, by small integer states. Every state but `dead` can
 * still be completed: a walk that stays out of `dead` never paints itself into a corner.
 */
export interface Matcher {
  readonly start: number
  next(state: number, char: number): number
  accepts(state: number): boolean
  /** Whether some character of [lo, hi] may follow; surrogates count for nothing. */
  anyNext(state: number, lo: number, hi: number): boolean
  /** No string of at most this many plain characters (ones that need no backslash) leads to `dead`. */
  freeDepth(state: number): number
  /** No accepted text is longer than this many characters from here. */
  maxRest(state: number): number
  /** One state for all that accept and refuse the same continuations of at most `longest` characters. */
  maskState?(state: number, longest: number): number
  /** How many texts are accepted from here; may be Infinity. */
  count(state: number): number
}

export const dead = -1

/** No token is longer in characters, as far as `freeDepth` cares; a larger value would only cost time. */
export const horizon = 128
