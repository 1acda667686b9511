import { charsAt, lowerBound, sortTexts } from '../matchers/literal-matcher.ts'
import { dead, firstChars, type Matcher } from '../matchers/matcher.ts'
import type { Name, ObjectProgress, ObjectRule, ValueChoice } from './object-rule.ts'

/** A key so far: the declared names that begin like it, the keys already there that do, and the patterns' state. */
interface State {
  readonly low: number
  readonly high: number
  readonly seenLow: number
  readonly seenHigh: number
  readonly depth: number
  readonly pattern: number
}

const maxLookAhead = 64

/** The keys that an object may have next: none twice, and each with some possible value. */
export class KeyMatcher implements Matcher {
  readonly start: number
  readonly #rule: ObjectRule
  readonly #progress: ObjectProgress
  readonly #flatOnly: boolean
  readonly #points: readonly (readonly number[])[]
  readonly #allowed: readonly boolean[]
  readonly #seen: readonly (readonly number[])[]
  readonly #states: State[] = []
  readonly #ids = new Map<string, number>()
  readonly #untrackedIds = new Map<number, number>()
  readonly #memory: string
  readonly #choices: (readonly ValueChoice[])[] = []
  readonly #free = new Map<number, boolean>()

  /** `seen`: the undeclared keys that are there already. */
  constructor(rule: ObjectRule, progress: ObjectProgress, seen: readonly string[], flatOnly: boolean) {
    this.#rule = rule
    this.#progress = progress
    this.#flatOnly = flatOnly
    this.#points = rule.names.map(({ points }) => points)
    this.#allowed = rule.names.map((name) => rule.declaredChoices(progress, name, flatOnly).length > 0)
    this.#seen = sortTexts(seen)
    this.#memory = `${progress.seen},${progress.count},${progress.found},${flatOnly}`
    const all = { low: 0, high: this.#points.length, seenLow: 0, seenHigh: this.#seen.length }
    this.start = this.#intern({ ...all, depth: 0, pattern: 0 })
  }

  get possible(): boolean {
    return this.start !== dead
  }

  /** What the value may be under the key that ends here. */
  choices(id: number): readonly ValueChoice[] {
    let choices = this.#choices[id]
    if (choices === undefined) {
      choices = this.#findChoices(id)
      this.#choices[id] = choices
    }
    return choices
  }

  #findChoices(id: number): readonly ValueChoice[] {
    const state = this.#state(id)
    const name = this.#exactName(state)
    if (name !== null) return this.#rule.declaredChoices(this.#progress, name, this.#flatOnly)
    if (this.#isSeen(state)) return []
    return this.#rule.undeclaredChoices(this.#progress, state.pattern, this.#flatOnly)
  }

  /** Whether the key that ends here is one that the rule does not declare. */
  isUndeclared(id: number): boolean {
    return this.#exactName(this.#state(id)) === null
  }

  next(id: number, char: number): number {
    const state = this.#state(id)
    const { depth } = state
    const low = lowerBound(this.#points, state.low, state.high, depth, char)
    const high = lowerBound(this.#points, low, state.high, depth, char + 1)
    const seenLow = lowerBound(this.#seen, state.seenLow, state.seenHigh, depth, char)
    const seenHigh = lowerBound(this.#seen, seenLow, state.seenHigh, depth, char + 1)
    const pattern = this.#rule.keys.next(state.pattern, char)
    const tracked = low < high || seenLow < seenHigh
    if (!tracked) return this.#untracked(pattern)
    return this.#intern({ low, high, seenLow, seenHigh, depth: depth + 1, pattern })
  }

  accepts(id: number): boolean {
    return this.choices(id).length > 0
  }

  nextChars(id: number, lo: number, hi: number, limit: number): readonly number[] {
    const { low, high, seenLow, seenHigh, depth, pattern } = this.#state(id)
    if (this.#isFree(pattern)) return firstChars(lo, hi, limit)
    const declared = charsAt(this.#points, low, high, depth, lo, hi)
    // a key that is there already rules out one next character at most
    const enough = limit + seenHigh - seenLow + declared.length
    const undeclared = this.#undeclared(pattern) === 0 ? [] : this.#rule.keys.chars(lo, hi, enough)
    const candidates = new Set([...declared, ...undeclared])
    return [...candidates].filter((char) => this.next(id, char) !== dead).slice(0, limit)
  }

  freeDepth(id: number): number {
    return this.#isFree(this.#state(id).pattern) ? Number.POSITIVE_INFINITY : 0
  }

  steady(id: number): boolean {
    const { low, high, seenLow, seenHigh, pattern } = this.#state(id)
    return low === high && seenLow === seenHigh && this.#rule.keys.isSteady(pattern)
  }

  maxRest(): number {
    return Number.POSITIVE_INFINITY
  }

  count(): number {
    return Number.POSITIVE_INFINITY
  }

  /** Whether there are endlessly many undeclared keys left, whatever comes next. */
  #isFree(pattern: number): boolean {
    let free = this.#free.get(pattern)
    if (free === undefined) {
      const states = this.#rule.keys.reachable(pattern)
      free =
        states.length <= maxLookAhead &&
        states.every((state) => this.#undeclared(state) === Number.POSITIVE_INFINITY)
      this.#free.set(pattern, free)
    }
    return free
  }

  #undeclared(pattern: number): number {
    return this.#rule.keys.count(pattern, this.#memory, (state) => this.#acceptsUndeclared(state))
  }

  #acceptsUndeclared(pattern: number): boolean {
    return this.#rule.undeclaredChoices(this.#progress, pattern, this.#flatOnly).length > 0
  }

  #isLive(state: State): boolean {
    for (let index = state.low; index < state.high; index++) {
      if (this.#allowed[index] === true) return true
    }
    if (this.#isFree(state.pattern)) return true
    const undeclared = this.#undeclared(state.pattern)
    if (!Number.isFinite(undeclared)) return true
    const gone = [
      ...this.#points.slice(state.low, state.high),
      ...this.#seen.slice(state.seenLow, state.seenHigh),
    ]
    const among = gone.filter((text) => this.#matchesUndeclared(state.pattern, text.slice(state.depth)))
    return undeclared > among.length
  }

  #matchesUndeclared(pattern: number, rest: readonly number[]): boolean {
    const end = rest.reduce((state, char) => this.#rule.keys.next(state, char), pattern)
    return this.#acceptsUndeclared(end)
  }

  #exactName({ low, high, depth }: State): Name | null {
    const name = this.#rule.names[low]
    return low < high && name !== undefined && name.points.length === depth ? name : null
  }

  #isSeen({ seenLow, seenHigh, depth }: State): boolean {
    return seenLow < seenHigh && this.#seen[seenLow]?.length === depth
  }

  /** The state of a key that begins like no declared or present one. */
  #untracked(pattern: number): number {
    let id = this.#untrackedIds.get(pattern)
    if (id === undefined) {
      id = this.#intern({ low: 0, high: 0, seenLow: 0, seenHigh: 0, depth: 0, pattern })
      this.#untrackedIds.set(pattern, id)
    }
    return id
  }

  #intern(state: State): number {
    const key = `${state.low},${state.high},${state.seenLow},${state.seenHigh},${state.depth},${state.pattern}`
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const live = this.#isLive(state)
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
