import { dead, type Matcher } from '../matchers/matcher.ts'
import type { Slice } from '../slices.ts'

const ascii = 128
const unknown = -2

/** From here on a text goes on in new tables: length and pattern of a long text together lead to ever new states. */
const manyStates = 50_000

/** More than one mask can meet beyond that. */
const maxStates = 200_000

/**
 * Several matchers run over one text at once, those that die left out: what an ambiguous grammar may read here. States
 * are made as they are met; ASCII steps are table look-ups.
 */
export class Lexeme {
  readonly id: number
  readonly matchers: readonly Matcher[]
  readonly start: number
  readonly #states: (readonly number[])[] = []
  readonly #ids = new Map<string, number>()
  readonly #only: Matcher | null
  readonly #idsOfOnly = new Map<number, number>()
  readonly #rows: (Int32Array | null)[] = []
  readonly #free: number[] = []
  readonly #steady: boolean[] = []

  constructor(id: number, matchers: readonly Matcher[]) {
    this.id = id
    this.matchers = matchers
    this.#only = matchers.length === 1 ? (matchers[0] ?? null) : null
    const starts = matchers.map(({ start }) => start)
    this.start = this.#only === null ? this.#intern(starts) : this.#internOnly(this.#only.start)
  }

  get isLarge(): boolean {
    return this.#states.length >= manyStates
  }

  /** The state here that is `state` in another lexeme of the same matchers. */
  adopt(other: Lexeme, state: number): number {
    const states = other.#states[state] ?? []
    return this.#only === null ? this.#intern(states) : this.#internOnly(states[0] ?? dead)
  }

  next(state: number, char: number): number {
    if (char >= ascii) return this.#step(state, char)
    const row = this.#rows[state] ?? this.#newRow(state)
    const known = row[char] ?? unknown
    if (known !== unknown) return known
    const next = this.#step(state, char)
    row[char] = next
    return next
  }

  /** The matchers that accept the text so far: their indexes and states. */
  accepted(state: number): { readonly index: number; readonly state: number }[] {
    const out: { index: number; state: number }[] = []
    this.#states[state]?.forEach((inner, index) => {
      if (inner !== dead && this.matchers[index]?.accepts(inner) === true) out.push({ index, state: inner })
    })
    return out
  }

  accepts(state: number): boolean {
    return this.#some(state, (matcher, inner) => matcher.accepts(inner))
  }

  anyNext(state: number, lo: number, hi: number): boolean {
    return this.#some(state, (matcher, inner) => matcher.nextChars(inner, lo, hi, 1).length > 0)
  }

  freeDepth(state: number, slice: Slice): number {
    const key = state * 4 + slice
    let depth = this.#free[key]
    if (depth === undefined) {
      depth = this.#most(state, (matcher, inner) => matcher.freeDepth(inner, slice))
      this.#free[key] = depth
    }
    return depth
  }

  /** Whether every plain text of up to `longest` characters leads to a state that accepts for the same matchers. */
  steady(state: number, longest: number): boolean {
    let steady = this.#steady[state]
    if (steady === undefined) {
      steady = !this.#some(state, (matcher, inner) => !matcher.steady(inner, longest))
      this.#steady[state] = steady
    }
    return steady
  }

  maxRest(state: number): number {
    return this.#most(state, (matcher, inner) => matcher.maxRest(inner))
  }

  /** A state that allows the same texts of up to `longest` characters, the same for as many states as is easily seen. */
  maskState(state: number, longest: number): string {
    return (this.#states[state] ?? [])
      .map((inner, index) =>
        inner === dead ? dead : (this.matchers[index]?.maskState?.(inner, longest) ?? inner),
      )
      .join(',')
  }

  #most(state: number, measure: (matcher: Matcher, inner: number) => number): number {
    let most = 0
    this.#some(state, (matcher, inner) => {
      most = Math.max(most, measure(matcher, inner))
      return false
    })
    return most
  }

  #some(state: number, test: (matcher: Matcher, inner: number) => boolean): boolean {
    const states = this.#states[state] ?? []
    return this.matchers.some((matcher, index) => {
      const inner = states[index] ?? dead
      return inner !== dead && test(matcher, inner)
    })
  }

  #step(state: number, char: number): number {
    if (this.#only !== null) return this.#internOnly(this.#only.next(this.#states[state]?.[0] ?? dead, char))
    const states = this.#states[state] ?? []
    return this.#intern(
      states.map((inner, index) =>
        inner === dead ? dead : (this.matchers[index]?.next(inner, char) ?? dead),
      ),
    )
  }

  /** As `#intern`, for the usual case of one matcher, without a key to build. */
  #internOnly(state: number): number {
    if (state === dead) return dead
    const known = this.#idsOfOnly.get(state)
    if (known !== undefined) return known
    const id = this.#add([state])
    this.#idsOfOnly.set(state, id)
    return id
  }

  #intern(states: readonly number[]): number {
    const key = states.join(',')
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const id = states.some((state) => state !== dead) ? this.#add(states) : dead
    this.#ids.set(key, id)
    return id
  }

  #add(states: readonly number[]): number {
    const id = this.#states.length
    if (id >= maxStates) throw new RangeError(`a text led through more than ${maxStates} states`)
    this.#states.push(states)
    this.#rows.push(null)
    return id
  }

  #newRow(state: number): Int32Array {
    const row = new Int32Array(ascii).fill(unknown)
    this.#rows[state] = row
    return row
  }
}
