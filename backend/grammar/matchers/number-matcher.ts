import { grammarTooLarge } from '../limits.ts'
import { type Decimal, decimalOf } from './decimal.ts'
import { dead, type Matcher } from './matcher.ts'

/** Which numbers, all conditions at once. */
export interface NumberRule {
  readonly integer: boolean
  readonly min: Bound | null
  readonly max: Bound | null
  readonly multiplesOf: readonly number[]
  readonly notMultiplesOf: readonly number[]
  /** One spelling a number: no exponent, no zeros at the end, no minus zero. */
  readonly canonical: boolean
}

export interface Bound {
  readonly value: number
  readonly exclusive: boolean
}

/** A free number may have this many digits before, and as many after, the point: a bad model cannot go on for ever. */
const maxDigits = 25

/** With conditions on the value, digits stay where a double tells two decimals apart. */
const exactDigits = 15

/** Keeps every number finite as a double. */
const maxExponentDigits = 2

const maxStates = 50_000

type Phase = 'start' | 'minus' | 'zero' | 'integer' | 'point' | 'fraction' | 'e' | 'sign' | 'exponent'

interface State {
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

interface Divisor {
  /** The divisor is `scaled` / 10^`places`. */
  readonly scaled: number
  readonly places: number
  readonly negated: boolean
}

/** The spellings of the numbers that keep a rule. States are made as they are met. */
export class NumberMatcher implements Matcher {
  readonly start: number
  readonly #rule: NumberRule
  readonly #bounds: readonly { readonly at: Decimal; readonly exclusive: boolean; readonly lower: boolean }[]
  readonly #divisors: readonly Divisor[]
  readonly #conditional: boolean
  readonly #states: State[] = []
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
      this.#bounds.every((bound, index) => this.#keepsBound(state, bound, state.order[index] ?? 0)) &&
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

  #keepsBound(
    state: State,
    bound: { at: Decimal; exclusive: boolean; lower: boolean },
    order: number,
  ): boolean {
    const magnitude = magnitudeOrder(state, bound.at, order)
    const difference = signedOrder(state, bound.at, magnitude)
    if (difference === 0) return !bound.exclusive
    return bound.lower ? difference > 0 : difference < 0
  }

  #step(id: number, index: number): number {
    const state = this.#states[id]
    if (state === undefined) return dead
    const next = index < 10 ? this.#digit(state, index) : this.#symbol(state, alphabet[index] ?? 0)
    return next === null || this.#isTooFar(next) ? dead : this.#intern(next)
  }

  /** Whether a bound is passed already and more digits only lead further: a short cut, no state of these is live. */
  #isTooFar(state: State): boolean {
    if (state.phase === 'start' || state.phase === 'minus') return false
    return this.#bounds.some(({ at, lower }, index) => {
      if (lower !== state.negative) return false
      if (at.negative !== lower && !state.zero) return true
      const order = state.order[index] ?? 0
      if (state.phase !== 'integer') return at.negative === lower && order > 0
      return at.negative === lower && integerOrder(state, at, order) > 0
    })
  }

  #symbol(state: State, char: number): State | null {
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

  #digit(state: State, digit: number): State | null {
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

  #integerDigit(state: State, digit: number, phase: Phase): State | null {
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

  #fractionDigit(state: State, digit: number): State | null {
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

  #remainders(state: State, digit: number): number[] {
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

  #intern(state: State): number {
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
const indivisible = -1
const endPhases: ReadonlySet<Phase> = new Set(['zero', 'integer', 'fraction', 'exponent'])

function compareDigit(digit: number, other: number | undefined): number {
  return other === undefined ? 0 : Math.sign(digit - other)
}

/** The integer part against the bound's: a longer one is larger, equally long ones compare digit by digit. */
function integerOrder(state: State, at: Decimal, order: number): number {
  return Math.sign(state.integerDigits - at.integer.length) || order
}

function magnitudeOrder(state: State, at: Decimal, order: number): number {
  const soFar = state.phase === 'fraction' ? order : integerOrder(state, at, order)
  if (soFar !== 0) return soFar
  return at.fraction.length > (state.phase === 'fraction' ? state.fractionDigits : 0) ? -1 : 0
}

function signedOrder(state: State, at: Decimal, magnitude: number): number {
  const boundIsZero = at.fraction.length === 0 && at.integer.every((digit) => digit === 0)
  if (state.negative === at.negative) return state.negative ? -magnitude : magnitude
  if (state.zero && boundIsZero) return 0
  return state.negative ? -1 : 1
}

function keepsDivisor(state: State, { scaled, places, negated }: Divisor, remainder: number): boolean {
  const missing = Math.max(0, places - state.fractionDigits)
  const divides = remainder !== indivisible && (remainder * 10 ** missing) % scaled === 0
  return divides !== negated
}

function isCanonical(state: State): boolean {
  if (state.zero && state.negative) return false
  return state.phase !== 'fraction' || state.lastDigit !== 0
}

function divisorOf(value: number, negated: boolean): Divisor {
  const { integer, fraction } = decimalOf(value)
  const scaled = Number([...integer, ...fraction].join(''))
  if (!(scaled > 0 && scaled <= 1e6 && fraction.length <= 9)) {
    throw grammarTooLarge(`"multipleOf" ${value} has too many digits`)
  }
  return { scaled, places: fraction.length, negated }
}
