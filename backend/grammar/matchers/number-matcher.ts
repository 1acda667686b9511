import { grammarTooLarge } from '../limits.ts'
import { decimalOf } from './decimal.ts'
import { dead, type Matcher } from './matcher.ts'
import type { NumberRule } from './number-rule.ts'
import {
  compareDigit,
  type Divisor,
  divisorOf,
  endPhases,
  indivisible,
  integerOrder,
  isCanonical,
  keepsBound,
  keepsDivisor,
  type Limit,
  type NumberState,
  type Phase,
} from './number-state.ts'

/** A free number may have this many digits before, and as many after, the point: a bad model cannot go on for ever. */
const maxDigits = 25

/** With conditions on the value, digits stay where a double tells two decimals apart. */
const exactDigits = 15

/** Keeps every number finite as a double. */
const maxExponentDigits = 2

const maxStates = 50_000

/** The spellings of the numbers that keep a rule. States are made as they are met. */
export class NumberMatcher implements Matcher {
  readonly start: number
  readonly #rule: NumberRule
  readonly #bounds: readonly Limit[]
  readonly #divisors: readonly Divisor[]
  readonly #conditional: boolean
  readonly #states: NumberState[] = []
  readonly #ids = new Map<string, number>()
  readonly #next: Int32Array[] = []
  readonly #live: (boolean | undefined)[] = []
  readonly #counts = new Map<number, number>()

  constructor(rule: NumberRule) {
    this.#rule = rule
    this.#bounds = [
      ...(rule.min === null
        ? []
        : [{ at: decimalOf(rule.min.value), exclusive: rule.min.exclusive, lower: true }]),
      ...(rule.max === null
        ? []
        : [{ at: decimalOf(rule.max.value), exclusive: rule.max.exclusive, lower: false }]),
    ]
    this.#divisors = [
      ...rule.multiplesOf.map((value) => divisorOf(value, false)),
      ...rule.notMultiplesOf.map((value) => divisorOf(value, true)),
    ]
    this.#conditional = this.#bounds.length > 0 || this.#divisors.length > 0 || rule.canonical
    this.start = this.#intern({
      phase: 'start',
      negative: false,
      integerDigits: 0,
      fractionDigits: 0,
      exponentDigits: 0,
      zero: true,
      lastDigit: 0,
      order: this.#bounds.map(() => 0),
      remainders: this.#divisors.map(() => 0),
    })
  }

  get possible(): boolean {
    return this.#isLive(this.start)
  }

  next(state: number, char: number): number {
    const index = alphabet.indexOf(char)
    const row = this.#next[state]
    if (index === -1 || row === undefined) return dead
    const known = row[index] ?? unknown
    if (known !== unknown) return known
    const next = this.#step(state, index)
    const result = next !== dead && this.#isLive(next) ? next : dead
    row[index] = result
    return result
  }

  accepts(id: number): boolean {
    const state = this.#states[id]
    if (state === undefined || !endPhases.has(state.phase)) return false
    if (this.#rule.canonical && !isCanonical(state)) return false
    return (
      this.#bounds.every((bound, index) => keepsBound(state, bound, state.order[index] ?? 0)) &&
      this.#divisors.every((divisor, index) => keepsDivisor(state, divisor, state.remainders[index] ?? 0))
    )
  }

  nextChars(state: number, lo: number, hi: number, limit: number): readonly number[] {
    return alphabet
      .filter((char) => char >= lo && char <= hi && this.next(state, char) !== dead)
      .slice(0, limit)
  }

  freeDepth(): number {
    return 0
  }

  steady(): boolean {
    return false
  }

  maxRest(): number {
    return 2 * maxDigits
  }

  count(state: number): number {
    const known = this.#counts.get(state)
    if (known !== undefined) return known
    let count = this.accepts(state) ? 1 : 0
    for (const char of alphabet) {
      const next = this.next(state, char)
      if (next !== dead) count += this.count(next)
    }
    this.#counts.set(state, count)
    return count
  }

  #step(id: number, index: number): number {
    const state = this.#states[id]
    if (state === undefined) return dead
    const next = index < 10 ? this.#digit(state, index) : this.#symbol(state, alphabet[index] ?? 0)
    return next === null || this.#isTooFar(next) ? dead : this.#intern(next)
  }

  /** Whether a bound is passed already and more digits only lead further: a short cut, no state of these is live. */
  #isTooFar(state: NumberState): boolean {
    if (state.phase === 'start' || state.phase === 'minus') return false
    return this.#bounds.some(({ at, lower }, index) => {
      if (lower !== state.negative) return false
      if (at.negative !== lower && !state.zero) return true
      const order = state.order[index] ?? 0
      if (state.phase !== 'integer') return at.negative === lower && order > 0
      return at.negative === lower && integerOrder(state, at, order) > 0
    })
  }

  #symbol(state: NumberState, char: number): NumberState | null {
    switch (char) {
      case minus:
        if (state.phase === 'start')
          return this.#onlyPositive ? null : { ...state, phase: 'minus', negative: true }
        return state.phase === 'e' ? { ...state, phase: 'sign' } : null
      case plus:
        return state.phase === 'e' ? { ...state, phase: 'sign' } : null
      case point: {
        if (this.#rule.integer || (state.phase !== 'zero' && state.phase !== 'integer')) return null
        const order = this.#bounds.map(({ at }, i) => integerOrder(state, at, state.order[i] ?? 0))
        return { ...state, phase: 'point', order }
      }
      default: {
        const mayScale = !this.#rule.integer && !this.#conditional
        const complete = state.phase === 'zero' || state.phase === 'integer' || state.phase === 'fraction'
        return mayScale && complete ? { ...state, phase: 'e' } : null
      }
    }
  }

  #digit(state: NumberState, digit: number): NumberState | null {
    switch (state.phase) {
      case 'start':
      case 'minus':
        return this.#integerDigit(state, digit, digit === 0 ? 'zero' : 'integer')
      case 'integer':
        return this.#integerDigit(state, digit, 'integer')
      case 'point':
      case 'fraction':
        return this.#fractionDigit(state, digit)
      case 'e':
      case 'sign':
      case 'exponent':
        if (state.exponentDigits >= maxExponentDigits) return null
        return { ...state, phase: 'exponent', exponentDigits: state.exponentDigits + 1 }
      default:
        return null
    }
  }

  #integerDigit(state: NumberState, digit: number, phase: Phase): NumberState | null {
    if (state.integerDigits >= this.#integerLimit()) return null
    return {
      ...state,
      phase,
      integerDigits: state.integerDigits + 1,
      zero: state.zero && digit === 0,
      order: this.#bounds.map(
        ({ at }, i) => state.order[i] || compareDigit(digit, at.integer[state.integerDigits]),
      ),
      remainders: this.#remainders(state, digit),
    }
  }

  #fractionDigit(state: NumberState, digit: number): NumberState | null {
    const places = Math.min(
      ...this.#divisors.filter(({ negated }) => !negated).map((divisor) => divisor.places),
    )
    const limit = this.#conditional
      ? Math.min(places, Math.max(1, exactDigits - state.integerDigits))
      : maxDigits
    if (state.fractionDigits >= limit) return null
    return {
      ...state,
      phase: 'fraction',
      fractionDigits: state.fractionDigits + 1,
      zero: state.zero && digit === 0,
      lastDigit: this.#rule.canonical ? digit : 0,
      order: this.#bounds.map(
        ({ at }, i) => state.order[i] || compareDigit(digit, at.fraction[state.fractionDigits] ?? 0),
      ),
      remainders: this.#remainders(state, digit),
    }
  }

  get #onlyPositive(): boolean {
    return this.#rule.min !== null && this.#rule.min.value >= 0
  }

  #integerLimit(): number {
    if (this.#divisors.length > 0 || this.#rule.canonical) return exactDigits
    if (this.#rule.integer || this.#bounds.length === 0) return maxDigits
    return Math.max(exactDigits, ...this.#bounds.map(({ at }) => at.integer.length))
  }

  #remainders(state: NumberState, digit: number): number[] {
    return this.#divisors.map(({ scaled, places }, index) => {
      const remainder = state.remainders[index] ?? 0
      // digits beyond the divisor's places only matter to a negated one: any but 0 breaks divisibility for good
      if (
        remainder === indivisible ||
        (state.phase !== 'integer' && state.fractionDigits >= places && state.integerDigits > 0)
      ) {
        return digit === 0 ? remainder : indivisible
      }
      return (remainder * 10 + digit) % scaled
    })
  }

  #isLive(id: number): boolean {
    const known = this.#live[id]
    if (known !== undefined) return known
    const seen = new Set([id])
    const stack = [id]
    let found = false
    for (let state = stack.pop(); state !== undefined && !found; state = stack.pop()) {
      found = this.accepts(state) || this.#live[state] === true
      // digits are tried first: they lead to an end soonest
      for (let index = alphabet.length - 1; index >= 0 && !found; index--) {
        const next = this.#step(state, index)
        if (next === dead || seen.has(next) || this.#live[next] === false) continue
        seen.add(next)
        stack.push(next)
      }
    }
    if (!found) for (const state of seen) this.#live[state] = false
    this.#live[id] = found
    return found
  }

  #intern(state: NumberState): number {
    const {
      phase,
      negative,
      integerDigits,
      fractionDigits,
      exponentDigits,
      zero,
      lastDigit,
      order,
      remainders,
    } = state
    const key = `${phase}${negative}${integerDigits},${fractionDigits},${exponentDigits}${zero}${lastDigit},${order},${remainders}`
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const id = this.#states.length
    if (id >= maxStates) throw grammarTooLarge(`a number's conditions need more than ${maxStates} states`)
    this.#ids.set(key, id)
    this.#states.push(state)
    this.#next.push(new Int32Array(alphabet.length).fill(unknown))
    return id
  }
}

const minus = 0x2d
const plus = 0x2b
const point = 0x2e
const alphabet: readonly number[] = [
  ...Array.from({ length: 10 }, (_, i) => 0x30 + i),
  minus,
  plus,
  point,
  0x65,
  0x45,
]
const unknown = -2
