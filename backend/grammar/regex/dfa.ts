import { grammarTooLarge } from '../limits.ts'
import { type Slice, sliceOf } from '../slices.ts'
import { anyChar, type CharSet, pairs } from './char-set.ts'
import type { Regex, RegexFactory } from './regex.ts'

/** States one expression may reach before it is refused; each costs a row of transitions. */
const maxStates = 20_000

/** Where the slices change: every class lies within the difference of two. */
const sliceCuts = [0, 0x20, 0x21, 0x22, 0x23, 0x30, 0x3a, 0x41, 0x5b, 0x5c, 0x5d, 0x61, 0x7b]

interface CharClass {
  readonly representative: number
  /** Code points in it; 0 for the surrogates, which no string holds. */
  readonly size: number
  /** The smallest slice that holds one of its characters; 0: all of them need a backslash. */
  readonly slice: Slice | 0
}

/** A deterministic automaton for one expression, made state by state as it is walked. State 0 is the start. */
export class Dfa {
  readonly #factory: RegexFactory
  /** First characters of the runs that the expression treats alike, in order. */
  readonly cuts: readonly number[]
  readonly #classOfCut: readonly number[]
  readonly classes: readonly CharClass[]
  readonly #asciiClass: Uint16Array
  readonly #states: Regex[] = []
  readonly #ids = new Map<Regex, number>()
  readonly #rows: Int32Array[] = []
  readonly #live: (boolean | undefined)[] = []

  constructor(factory: RegexFactory, regex: Regex) {
    this.#factory = factory
    const { cuts, classOfCut, classes } = partition(regex)
    this.cuts = cuts
    this.#classOfCut = classOfCut
    this.classes = classes
    this.#asciiClass = Uint16Array.from({ length: 128 }, (_, char) => this.classOf(char))
    this.#intern(regex)
  }

  accepts(state: number): boolean {
    return this.#states[state]?.nullable ?? false
  }

  next(state: number, char: number): number {
    return this.nextByClass(state, char < 128 ? (this.#asciiClass[char] ?? 0) : this.classOf(char))
  }

  nextByClass(state: number, index: number): number {
    const row = this.#rows[state]
    if (row === undefined) throw new RangeError(`no state ${state}`)
    const known = row[index] ?? -1
    if (known !== -1) return known
    const regex = this.#states[state] ?? this.#factory.nothing
    const next = this.#intern(this.#factory.derive(regex, this.classes[index]?.representative ?? 0))
    row[index] = next
    return next
  }

  /** Whether any string is accepted from `state` on. */
  live(state: number): boolean {
    const known = this.#live[state]
    if (known !== undefined) return known
    const regex = this.#states[state] ?? this.#factory.nothing
    const live = regex.nullable || (regex.positive ? regex.type !== 'nothing' : this.#reachesAccepting(state))
    this.#live[state] = live
    return live
  }

  /** States met so far. */
  get size(): number {
    return this.#states.length
  }

  /** The stretches of [lo, hi] that the expression treats alike, with their classes. */
  runs(lo: number, hi: number): { from: number; to: number; index: number }[] {
    const out: { from: number; to: number; index: number }[] = []
    for (let cut = this.#searchCut(lo); cut < this.cuts.length && (this.cuts[cut] ?? 0) <= hi; cut++) {
      const index = this.#classOfCut[cut] ?? 0
      if ((this.classes[index]?.size ?? 0) === 0) continue
      const to = Math.min(hi, (this.cuts[cut + 1] ?? 0x110000) - 1)
      out.push({ from: Math.max(lo, this.cuts[cut] ?? 0), to, index })
    }
    return out
  }

  #reachesAccepting(start: number): boolean {
    const seen = new Set([start])
    for (const state of seen) {
      if (this.accepts(state) || (state !== start && this.#live[state] === true)) return true
      if (this.#live[state] === false) continue
      this.classes.forEach(({ size }, index) => {
        if (size > 0) seen.add(this.nextByClass(state, index))
      })
    }
    for (const state of seen) this.#live[state] = false
    return false
  }

  #intern(regex: Regex): number {
    const known = this.#ids.get(regex)
    if (known !== undefined) return known
    const id = this.#states.length
    if (id >= maxStates) throw grammarTooLarge(`a pattern needs more than ${maxStates} states`)
    this.#ids.set(regex, id)
    this.#states.push(regex)
    this.#rows.push(new Int32Array(this.classes.length).fill(-1))
    return id
  }

  classOf(char: number): number {
    return this.#classOfCut[this.#searchCut(char)] ?? 0
  }

  #searchCut(char: number): number {
    let low = 0
    let high = this.cuts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.cuts[middle] ?? 0) <= char) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** Splits the code points into classes that no character set of the expression tells apart. */
function partition(regex: Regex) {
  const sets = new Map<string, CharSet>()
  collectSets(regex, sets, new Set())
  const boundaries = new Set(sliceCuts)
  const signatures = new Map<number, number[]>()
  const all = [anyChar, ...sets.values()]
  for (const set of all) {
    for (const [lo, hi] of pairs(set)) boundaries.add(lo).add(hi + 1)
  }
  const cuts = [...boundaries].filter((cut) => cut <= 0x10ffff).sort((a, b) => a - b)
  const indexOfCut = new Map(cuts.map((cut, index) => [cut, index]))
  all.forEach((set, setIndex) => {
    for (const [lo, hi] of pairs(set)) {
      const end = indexOfCut.get(hi + 1) ?? cuts.length
      for (let cut = indexOfCut.get(lo) ?? 0; cut < end; cut++) {
        const signature = signatures.get(cut)
        if (signature === undefined) signatures.set(cut, [setIndex])
        else signature.push(setIndex)
      }
    }
  })
  const ids = new Map<string, number>()
  const classes: { representative: number; size: number; slice: Slice | 0 }[] = []
  const classOfCut = cuts.map((cut, index) => {
    const key = (signatures.get(index) ?? []).join(',')
    let id = ids.get(key)
    if (id === undefined) {
      id = classes.length
      ids.set(key, id)
      classes.push({ representative: cut, size: 0, slice: 0 })
    }
    const entry = classes[id]
    const end = cuts[index + 1] ?? 0x110000
    if (entry !== undefined && key !== '') {
      entry.size += end - cut
      entry.slice = smaller(entry.slice, sliceOf(cut))
    }
    return id
  })
  return { cuts, classOfCut, classes }
}

function smaller(a: Slice | 0, b: Slice | 0): Slice | 0 {
  if (a === 0 || b === 0) return a === 0 ? b : a
  return a < b ? a : b
}

function collectSets(regex: Regex, sets: Map<string, CharSet>, seen: Set<Regex>): void {
  if (seen.has(regex)) return
  seen.add(regex)
  switch (regex.type) {
    case 'chars':
      sets.set(regex.set.join(','), regex.set)
      return
    case 'cat':
      collectSets(regex.head, sets, seen)
      collectSets(regex.tail, sets, seen)
      return
    case 'or':
    case 'and':
      for (const part of regex.parts) collectSets(part, sets, seen)
      return
    case 'not':
    case 'loop':
      collectSets(regex.body, sets, seen)
  }
}
