import { dead } from '../matchers/matcher.ts'
import type { Lexeme } from './lexeme.ts'

/**
 * Where a JSON string's bytes stand between two characters: nothing, or a kind in the top bits and what has been
 * read of the character below. Fits 31 bits.
 */
export type Partial = number

export const between: Partial = 0

const kindShift = 28
const utf8 = 1 << kindShift // length << 23 | bytes left << 21 | bits so far
const escapeSign = 2 << kindShift
const hex = 3 << kindShift // digits read << 16 | value so far
const afterHigh = 4 << kindShift // high surrogate - 0xd800
const afterHighSlash = 5 << kindShift // likewise
const lowHex = 6 << kindShift // high surrogate - 0xd800, << 18 | digits read << 16 | value so far
const payloadMask = (1 << kindShift) - 1

const shortEscapes: Readonly<Record<number, number>> = {
  34: 34, // "
  92: 92, // \
  47: 47, // /
  98: 8, // b
  102: 12, // f
  110: 10, // n
  114: 13, // r
  116: 9, // t
}

/** Reads a JSON string's content byte by byte: UTF-8, escapes and surrogate pairs, as characters for a lexeme. */
export class StringStep {
  /** After a successful step: the lexeme's state, ... */
  state = 0
  /** ... what has been read of the next character, ... */
  partial: Partial = between
  /** ... and the character that the byte completed, or -1. */
  char = -1

  /** The closing quote is the caller's. False: no string goes on like this. */
  step(lexeme: Lexeme, state: number, partial: Partial, byte: number): boolean {
    switch (partial & ~payloadMask) {
      case 0:
        return this.#first(lexeme, state, byte)
      case utf8:
        return this.#continuation(lexeme, state, partial & payloadMask, byte)
      case escapeSign:
        return this.#escaped(lexeme, state, byte)
      case hex:
        return this.#hexDigit(lexeme, state, partial & payloadMask, byte)
      case afterHigh:
        return byte === 0x5c && this.#stay(state, afterHighSlash | (partial & payloadMask))
      case afterHighSlash:
        return byte === 0x75 && this.#stay(state, lowHex | ((partial & payloadMask) << 18))
      default:
        return this.#lowDigit(lexeme, state, partial & payloadMask, byte)
    }
  }

  #first(lexeme: Lexeme, state: number, byte: number): boolean {
    if (byte === 0x5c) return lexeme.anyNext(state, 0, 0x10ffff) && this.#stay(state, escapeSign)
    if (byte < 0x20 || byte === 0x22) return false
    if (byte < 0x80) return this.#complete(lexeme, state, byte)
    const length =
      byte >= 0xc2 && byte < 0xe0 ? 2 : byte >= 0xe0 && byte < 0xf0 ? 3 : byte >= 0xf0 && byte < 0xf5 ? 4 : 0
    if (length === 0) return false
    return this.#utf8(lexeme, state, length, length - 1, byte & (0x7f >> length))
  }

  #continuation(lexeme: Lexeme, state: number, payload: number, byte: number): boolean {
    if ((byte & 0xc0) !== 0x80) return false
    const bits = ((payload & 0x1fffff) << 6) | (byte & 0x3f)
    return this.#utf8(lexeme, state, payload >> 23, ((payload >> 21) & 3) - 1, bits)
  }

  #utf8(lexeme: Lexeme, state: number, length: number, left: number, bits: number): boolean {
    const shortest = length === 2 ? 0x80 : length === 3 ? 0x800 : 0x10000
    const low = Math.max(bits << (6 * left), shortest)
    const high = Math.min(((bits + 1) << (6 * left)) - 1, 0x10ffff)
    if (low > high || (low >= 0xd800 && high <= 0xdfff)) return false
    if (left === 0) return this.#complete(lexeme, state, bits)
    return lexeme.anyNext(state, low, high) && this.#stay(state, utf8 | (length << 23) | (left << 21) | bits)
  }

  #escaped(lexeme: Lexeme, state: number, byte: number): boolean {
    if (byte === 0x75) return this.#stay(state, hex)
    const char = shortEscapes[byte]
    return char !== undefined && this.#complete(lexeme, state, char)
  }

  #hexDigit(lexeme: Lexeme, state: number, payload: number, byte: number): boolean {
    const digit = hexValue(byte)
    if (digit === -1) return false
    const value = ((payload & 0xffff) << 4) | digit
    const digits = (payload >> 16) + 1
    if (digits === 4) {
      if (value < 0xd800 || value > 0xdfff) return this.#complete(lexeme, state, value)
      if (value > 0xdbff) return false
      return pairPossible(lexeme, state, value, value) && this.#stay(state, afterHigh | (value - 0xd800))
    }
    const shift = 4 * (4 - digits)
    const low = value << shift
    const high = ((value + 1) << shift) - 1
    const alone = low < 0xd800 || high > 0xdfff
    const possible = (alone && lexeme.anyNext(state, low, high)) || pairPossible(lexeme, state, low, high)
    return possible && this.#stay(state, hex | (digits << 16) | value)
  }

  #lowDigit(lexeme: Lexeme, state: number, payload: number, byte: number): boolean {
    const digit = hexValue(byte)
    if (digit === -1) return false
    const value = ((payload & 0xffff) << 4) | digit
    const digits = ((payload >> 16) & 3) + 1
    const shift = 4 * (4 - digits)
    const low = Math.max(value << shift, 0xdc00)
    const high = Math.min(((value + 1) << shift) - 1, 0xdfff)
    if (low > high) return false
    const base = 0x10000 + ((payload >> 18) << 10) - 0xdc00
    if (digits === 4) return this.#complete(lexeme, state, base + value)
    const next = lowHex | ((payload >> 18) << 18) | (digits << 16) | value
    return lexeme.anyNext(state, base + low, base + high) && this.#stay(state, next)
  }

  #complete(lexeme: Lexeme, state: number, char: number): boolean {
    const next = lexeme.next(state, char)
    if (next === dead) return false
    this.state = next
    this.partial = between
    this.char = char
    return true
  }

  #stay(state: number, partial: Partial): boolean {
    this.state = state
    this.partial = partial
    this.char = -1
    return true
  }
}

/** Whether a pair whose high surrogate lies in [low, high] can be completed. */
function pairPossible(lexeme: Lexeme, state: number, low: number, high: number): boolean {
  const first = Math.max(low, 0xd800)
  const last = Math.min(high, 0xdbff)
  if (first > last) return false
  return lexeme.anyNext(state, 0x10000 + ((first - 0xd800) << 10), 0x10000 + ((last - 0xd800) << 10) + 0x3ff)
}

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
