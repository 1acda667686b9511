import { sortTexts } from '../matchers/literal-matcher.ts'
import { classObligation, obligationOf } from '../schema/merge.ts'
import type { ObjectPart, Obligation } from '../schema/parts.ts'
import { KeyAutomaton } from './key-automaton.ts'
import type { RuleBook } from './rule-book.ts'
import { isUsable, type Shape } from './shape.ts'

/** How far an object has come. Bits of `seen` are declared names, bits of `found` the rule's `some` conditions. */
export interface ObjectProgress {
  readonly seen: bigint
  /** Properties written, no further than matters. */
  readonly count: number
  readonly found: number
}

export interface ValueChoice {
  readonly shape: Shape
  readonly progress: ObjectProgress
}

export interface Name {
  readonly text: string
  readonly points: readonly number[]
  readonly bit: bigint
  readonly obligation: Obligation
  /** The `some` conditions whose pattern the name matches. */
  readonly matches: number
}

/** One kind of object. */
export class ObjectRule {
  readonly id: number
  /** Declared names in lexicographic order of their code points. */
  readonly names: readonly Name[]
  /** Runs the part's patterns, then those of its `some` conditions. */
  readonly keys: KeyAutomaton
  readonly start: ObjectProgress = { seen: 0n, count: 0, found: 0 }
  readonly #part: ObjectPart
  readonly #book: RuleBook
  readonly #bits = new Map<string, bigint>()
  readonly #needs = new Map<bigint, bigint>()
  readonly #required: bigint
  readonly #some: number
  readonly #classes = new Map<number, { obligation: Obligation; matches: number }>()
  readonly #declaredChoices = new Map<string, readonly ValueChoice[]>()
  readonly #undeclaredChoices = new Map<string, readonly ValueChoice[]>()

  constructor(id: number, part: ObjectPart, book: RuleBook) {
    this.id = id
    this.#part = part
    this.#book = book
    const spokenOf = new Set([
      ...part.declared.keys(),
      ...part.required,
      ...part.needs.keys(),
      ...Array.from(part.needs.values()).flat(),
    ])
    this.names = sortTexts(spokenOf).map((points, index) => this.#name(points, index))
    for (const { text, bit } of this.names) this.#bits.set(text, bit)
    this.#required = this.#mask(part.required)
    for (const [name, others] of part.needs) this.#needs.set(this.#mask([name]), this.#mask(others))
    this.#some = (1 << part.some.length) - 1
    this.keys = new KeyAutomaton([...part.patterns, ...part.some].map(({ regex }) => book.graph.dfa(regex)))
  }

  mayEnd({ seen, count, found }: ObjectProgress): boolean {
    return count >= this.#part.min && found === this.#some && (this.#requiredBy(seen) & ~seen) === 0n
  }

  /** What may stand under a declared name that is not there yet. Every choice leaves the object completable. */
  declaredChoices(progress: ObjectProgress, name: Name, flatOnly: boolean): readonly ValueChoice[] {
    const key = `${name.bit},${progress.seen},${progress.count},${progress.found},${flatOnly}`
    const known = this.#declaredChoices.get(key)
    if (known !== undefined) return known
    const choices = this.#findDeclared(progress, name, flatOnly)
    this.#declaredChoices.set(key, choices)
    return choices
  }

  /** What may stand under an undeclared name that leads the key automaton to `state`. */
  undeclaredChoices(progress: ObjectProgress, state: number, flatOnly: boolean): readonly ValueChoice[] {
    const key = `${state},${progress.seen},${progress.count},${progress.found},${flatOnly}`
    const known = this.#undeclaredChoices.get(key)
    if (known !== undefined) return known
    const { obligation, matches } = this.#classOf(state)
    const next = { ...progress, count: this.#more(progress.count) }
    const choices = this.#withClaims(next, obligation, matches, flatOnly && progress.count >= this.#part.min)
    this.#undeclaredChoices.set(key, choices)
    return choices
  }

  /** Containers nested in the flattest such object, itself included; Infinity: there is none. */
  height(): number {
    let height = 1
    for (const { bit, obligation } of this.names) {
      if (this.#requiredBy(0n) & bit) height = Math.max(height, 1 + this.#book.heightOf(obligation))
    }
    if (!Number.isFinite(height)) return height
    return this.#feasible(this.start) ? height : Number.POSITIVE_INFINITY
  }

  /** Shapes of everything that values may be. @throws SchemaError */
  children(): Shape[] {
    const declared = this.names.flatMap(({ obligation, matches }) => this.#claims(obligation, matches))
    const undeclared = this.keys.reachable().flatMap((state) => {
      const { obligation, matches } = this.#classOf(state)
      return this.#claims(obligation, matches)
    })
    return [...declared, ...undeclared].map((obligation) => this.#book.shapeOf(obligation))
  }

  #findDeclared(progress: ObjectProgress, name: Name, flatOnly: boolean): readonly ValueChoice[] {
    if (progress.seen & name.bit) return []
    const required = (this.#requiredBy(progress.seen) & name.bit) !== 0n
    const next = { ...progress, seen: progress.seen | name.bit, count: this.#more(progress.count) }
    const optional = !required && progress.count >= this.#part.min
    return this.#withClaims(next, name.obligation, name.matches, flatOnly && optional)
  }

  #withClaims(
    next: ObjectProgress,
    obligation: Obligation,
    matches: number,
    flatOnly: boolean,
  ): ValueChoice[] {
    const out: ValueChoice[] = []
    const offer = (all: Obligation, found: number) => {
      const progress = { ...next, found }
      const shape = this.#book.shapeOf(all)
      if (isUsable(shape, flatOnly) && this.#feasible(progress)) out.push({ shape, progress })
    }
    offer(obligation, next.found)
    this.#part.some.forEach((entry, index) => {
      const bit = 1 << index
      if (matches & bit & ~next.found)
        offer(this.#book.graph.and(obligation, entry.obligation), next.found | bit)
    })
    return out
  }

  #claims(obligation: Obligation, matches: number): Obligation[] {
    const claimed = this.#part.some.filter((_, index) => matches & (1 << index))
    return [obligation, ...claimed.map((entry) => this.#book.graph.and(obligation, entry.obligation))]
  }

  /** Whether the object can still be completed; a `some` condition is trusted to undeclared names alone. */
  #feasible({ seen, count, found }: ObjectProgress): boolean {
    const missing = this.#requiredBy(seen) & ~seen
    const owedNames = this.names.filter(({ bit }) => missing & bit)
    const owedSome = this.#part.some.filter((_, index) => !(found & (1 << index)))
    const least = count + owedNames.length + owedSome.length
    if (least > this.#part.max) return false
    if (!owedNames.every(({ obligation }) => this.#possible(obligation))) return false
    if (!owedSome.every((entry) => this.#undeclaredCan(entry))) return false
    if (least >= this.#part.min) return true
    if (this.#undeclaredCan(null)) return true
    return this.#canFill(seen | missing, least)
  }

  /** Whether declared names, each with those it needs, can bring the count from `least` to the minimum. */
  #canFill(taken: bigint, least: number): boolean {
    let count = least
    let chosen = taken
    while (count < this.#part.min) {
      let best: { readonly mask: bigint; readonly size: number } | null = null
      for (const { bit } of this.names) {
        if (chosen & bit) continue
        const mask = this.#requiredBy(chosen | bit) | chosen | bit
        const added = this.names.filter((name) => mask & ~chosen & name.bit)
        if (best !== null && best.size <= added.length) continue
        if (added.every(({ obligation }) => this.#possible(obligation))) best = { mask, size: added.length }
      }
      if (best === null) return false
      chosen = best.mask
      count += best.size
    }
    return count <= this.#part.max
  }

  /** Whether there are always more undeclared names with a possible value, one that fulfils `entry` if given. */
  #undeclaredCan(entry: ObjectPart['some'][number] | null): boolean {
    const index = entry === null ? -1 : this.#part.some.indexOf(entry)
    const accepts = (state: number) => {
      const { obligation, matches } = this.#classOf(state)
      if (entry === null) return this.#possible(obligation)
      return (
        (matches & (1 << index)) !== 0 && this.#possible(this.#book.graph.and(obligation, entry.obligation))
      )
    }
    // not remembered: while heights are being worked out an answer may not be final
    return this.keys.reachable().some(accepts) && this.keys.countFresh(accepts) === Number.POSITIVE_INFINITY
  }

  #possible(obligation: Obligation): boolean {
    return Number.isFinite(this.#book.heightOf(obligation))
  }

  #requiredBy(seen: bigint): bigint {
    let all = this.#required
    for (let grown = true; grown; ) {
      grown = false
      for (const [bit, needed] of this.#needs) {
        if ((all | seen) & bit && (all & needed) !== needed) {
          all |= needed
          grown = true
        }
      }
    }
    return all
  }

  #classOf(state: number): { obligation: Obligation; matches: number } {
    const known = this.#classes.get(state)
    if (known !== undefined) return known
    const matched = this.keys.matched(state)
    const count = this.#part.patterns.length
    const found = {
      obligation: classObligation(this.#book.graph, this.#part, matched.slice(0, count)),
      matches: matched.slice(count).reduce((bits, match, index) => bits | (match ? 1 << index : 0), 0),
    }
    this.#classes.set(state, found)
    return found
  }

  #name(points: readonly number[], index: number): Name {
    const text = String.fromCodePoint(...points)
    const matches = this.#part.some.reduce(
      (bits, { regex }, at) => bits | (this.#book.graph.matches(regex, text) ? 1 << at : 0),
      0,
    )
    return {
      text,
      points,
      bit: 1n << BigInt(index),
      obligation: obligationOf(this.#book.graph, this.#part, text),
      matches,
    }
  }

  #mask(names: Iterable<string>): bigint {
    return Array.from(names).reduce((mask, name) => mask | (this.#bits.get(name) ?? 0n), 0n)
  }

  #more(count: number): number {
    return this.#part.max === Number.POSITIVE_INFINITY ? Math.min(count + 1, this.#part.min) : count + 1
  }
}
