import { grammarTooLarge } from '../limits.ts'
import { type Decimal, decimalOf } from './decimal.ts'

export type Phase = 'start' | 'minus' | 'zero' | 'integer' | 'point' | 'fraction' | 'e' | 'sign' | 'exponent'

export interface NumberState {
  readonly phase: Phase
  readonly negative: boolean
  readonly integerDigits: number
  readonly fractionDigits: number
  readonly exponentDigits: number
  /** Whether every digit so far is 0. */
  readonly zero: boolean
  readonly lastDigit: number
  /** Per bound: the digits so far against the bound's, as far as they go. */
  readonly order: readonly number[]
  /** Per divisor: remainder of the digits so far. */
  readonly remainders: readonly number[]
}

/** A bound, taken apart into digits. */
export interface Limit {
  readonly at: Decimal
  readonly exclusive: boolean
  /** A minimum, not a maximum. */
  readonly lower: boolean
}

export interface Divisor {
  /** The divisor is `scaled` / 10^`places`. */
  readonly scaled: number
  readonly places: number
  readonly negated: boolean
}

/** Instead of a remainder: no digit can make it divisible any more. */
export const indivisible = -1

/** Where a number may end. */
export const endPhases: ReadonlySet<Phase> = new Set(['zero', 'integer', 'fraction', 'exponent'])

export function compareDigit(digit: number, other: number | undefined): number {
  return other === undefined ? 0 : Math.sign(digit - other)
}

/** The integer part against the bound's: a longer one is larger, equally long ones compare digit by digit. */
export function integerOrder(state: NumberState, at: Decimal, order: number): number {
  return Math.sign(state.integerDigits - at.integer.length) || order
}

function magnitudeOrder(state: NumberState, at: Decimal, order: number): number {
  const soFar = state.phase === 'fraction' ? order : integerOrder(state, at, order)
  if (soFar !== 0) return soFar
  return at.fraction.length > (state.phase === 'fraction' ? state.fractionDigits : 0) ? -1 : 0
}

function signedOrder(state: NumberState, at: Decimal, magnitude: number): number {
  const boundIsZero = at.fraction.length === 0 && at.integer.every((digit) => digit === 0)
  if (state.negative === at.negative) return state.negative ? -magnitude : magnitude
  if (state.zero && boundIsZero) return 0
  return state.negative ? -1 : 1
}

export function keepsBound(state: NumberState, { at, exclusive, lower }: Limit, order: number): boolean {
  const difference = signedOrder(state, at, magnitudeOrder(state, at, order))
  if (difference === 0) return !exclusive
  return lower ? difference > 0 : difference < 0
}

export function keepsDivisor(
  state: NumberState,
  { scaled, places, negated }: Divisor,
  remainder: number,
): boolean {
  const missing = Math.max(0, places - state.fractionDigits)
  const divides = remainder !== indivisible && (remainder * 10 ** missing) % scaled === 0
  return divides !== negated
}

export function isCanonical(state: NumberState): boolean {
  if (state.zero && state.negative) return false
  return state.phase !== 'fraction' || state.lastDigit !== 0
}

export function divisorOf(value: number, negated: boolean): Divisor {
  const { integer, fraction } = decimalOf(value)
  const scaled = Number([...integer, ...fraction].join(''))
  if (!(scaled > 0 && scaled <= 1e6 && fraction.length <= 9)) {
    throw grammarTooLarge(`"multipleOf" ${value} has too many digits`)
  }
  return { scaled, places: fraction.length, negated }
}
