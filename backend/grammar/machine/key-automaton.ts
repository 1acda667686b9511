import { grammarTooLarge } from '../limits.ts'
import { firstChars } from '../matchers/matcher.ts'
import type { Dfa } from '../regex/dfa.ts'

const maxStates = 5_000

/** Runs all patterns for an object's keys at once. A state is one state of each; state 0 is the start. */
export class KeyAutomaton {
  readonly #dfas: readonly Dfa[]
  readonly #states: (readonly number[])[] = []
  readonly #ids = new Map<string, number>()
  /** One character of each kind that the patterns tell apart, and how many there are of it. */
  readonly #kinds: readonly { readonly char: number; readonly size: number }[]
  readonly #cuts: readonly number[]
  readonly #counts = new Map<string, Map<number, number>>()

  constructor(dfas: readonly Dfa[]) {
    this.#dfas = dfas
    this.#cuts = [...new Set([0, 0xd800, 0xe000, ...dfas.flatMap((dfa) => dfa.cuts)])].sort((a, b) => a - b)
    this.#kinds = kindsOf(dfas, this.#cuts)
    this.#intern(dfas.map(() => 0))
  }

  next(state: number, char: number): number {
    if (this.#dfas.length === 0) return 0
    const states = this.#states[state] ?? []
    return this.#intern(states.map((inner, index) => this.#dfas[index]?.next(inner, char) ?? 0))
  }

  /** From each stretch of [lo, hi] that the patterns treat alike, up to `limit` characters. */
  chars(lo: number, hi: number, limit: number): number[] {
    const cuts = [lo, ...this.#cuts.filter((cut) => cut > lo && cut <= hi)]
    return cuts.flatMap((cut, index) => firstChars(cut, (cuts[index + 1] ?? hi + 1) - 1, limit))
  }

  /** Whether no character leads away from `state`. */
  isSteady(state: number): boolean {
    return this.#kinds.every(({ char }) => this.next(state, char) === state)
  }

  /** Which of the patterns match a key that ends here. */
  matched(state: number): readonly boolean[] {
    return (this.#states[state] ?? []).map((inner, index) => this.#dfas[index]?.accepts(inner) ?? false)
  }

  /** All states that some key leads to. */
  reachable(from = 0): readonly number[] {
    const seen = new Set([from])
    for (const state of seen) {
      for (const { char } of this.#kinds) seen.add(this.next(state, char))
    }
    return [...seen]
  }

  /** How many keys from `state` on end where `accepts` says so; `name` stands for `accepts` in the memory. */
  count(state: number, name: string, accepts: (state: number) => boolean): number {
    if (this.#dfas.length === 0) return accepts(0) ? Number.POSITIVE_INFINITY : 0
    let counts = this.#counts.get(name)
    if (counts === undefined) {
      counts = this.#countAll(accepts)
      this.#counts.set(name, counts)
    }
    return counts.get(state) ?? 0
  }

  /** `count` from the start, without memory. */
  countFresh(accepts: (state: number) => boolean): number {
    if (this.#dfas.length === 0) return accepts(0) ? Number.POSITIVE_INFINITY : 0
    return this.#countAll(accepts).get(0) ?? 0
  }

  #countAll(accepts: (state: number) => boolean): Map<number, number> {
    const states = this.reachable()
    const live = this.#liveStates(states, accepts)
    const counts = new Map<number, number>()
    const visit = (state: number): number => {
      const known = counts.get(state)
      if (known !== undefined) return known
      counts.set(state, Number.POSITIVE_INFINITY) // met again below itself: a loop of live states
      let count = accepts(state) ? 1 : 0
      for (const { char, size } of this.#kinds) {
        const next = this.next(state, char)
        if (live.has(next)) count += size * visit(next)
      }
      counts.set(state, count)
      return count
    }
    for (const state of live) visit(state)
    return counts
  }

  #liveStates(states: readonly number[], accepts: (state: number) => boolean): Set<number> {
    const before = new Map<number, number[]>()
    for (const state of states) {
      for (const { char } of this.#kinds) {
        const next = this.next(state, char)
        const list = before.get(next)
        if (list === undefined) before.set(next, [state])
        else list.push(state)
      }
    }
    const live = new Set(states.filter(accepts))
    for (const state of live) {
      for (const previous of before.get(state) ?? []) live.add(previous)
    }
    return live
  }

  #intern(states: readonly number[]): number {
    const key = states.join(',')
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const id = this.#states.length
    if (id >= maxStates)
      throw grammarTooLarge(`the patterns for an object's keys need more than ${maxStates} states together`)
    this.#ids.set(key, id)
    this.#states.push(states)
    return id
  }
}

/** Characters that no pattern tells apart are one kind. */
function kindsOf(dfas: readonly Dfa[], cuts: readonly number[]): { char: number; size: number }[] {
  const kinds = new Map<string, { char: number; size: number }>()
  cuts.forEach((char, index) => {
    const size = (cuts[index + 1] ?? 0x110000) - char
    if (char >= 0xd800 && char < 0xe000) return
    const key = dfas.map((dfa) => dfa.classOf(char)).join(',')
    const kind = kinds.get(key)
    if (kind === undefined) kinds.set(key, { char, size })
    else kind.size += size
  })
  return [...kinds.values()]
}
