import { ExcludingMatcher } from '../matchers/excluding-matcher.ts'
import type { Matcher } from '../matchers/matcher.ts'
import { ContainerState } from './container-state.ts'
import { type Frame, isDeep, topFrame } from './frame.ts'
import {
  type ArrayItem,
  type Due,
  dueKey,
  type Item,
  itemKey,
  mergeDues,
  mergeItems,
  type ObjectItem,
} from './items.ts'
import { KeyMatcher } from './key-matcher.ts'
import { Lexeme } from './lexeme.ts'
import { LexemeState } from './lexeme-state.ts'
import type { RuleBook } from './rule-book.ts'
import { ColonState, DoneState } from './simple-states.ts'
import type { State } from './state.ts'
import { ValueState } from './value-state.ts'

/** States kept for reuse; beyond, all are forgotten but those in use, and made again when met again. */
const maxStates = 50_000

/** Makes the states of one grammar, equal ones once. */
export class Machine {
  readonly #book: RuleBook
  readonly #states = new Map<string, State>()
  readonly #frames = new Map<string, Frame>()
  readonly #lexemes = new Map<string, Lexeme>()
  readonly #matcherIds = new Map<Matcher, number>()
  readonly #keyMatchers = new Map<string, KeyMatcher>()
  readonly #excluding = new Map<string, ExcludingMatcher>()
  readonly done = new DoneState()
  #ids = 0

  constructor(book: RuleBook) {
    this.#book = book
  }

  start(): State {
    return this.value(topFrame, [{ shape: this.#book.shapeOf(this.#book.graph.root), next: null }], null, 0)
  }

  /** `ends`: the readings of an array just opened that may close at once; null after that. */
  value(frame: Frame, dues: readonly Due[], ends: readonly ArrayItem[] | null, gap: number): ValueState {
    const key = `v${frame.id};${gap};${dues.map(dueKey).join('|')};${ends?.map(itemKey).join('|') ?? '-'}`
    return this.intern(key, (id) => new ValueState(this, id, key, frame, dues, ends, gap))
  }

  /** The state of an array or object between its parts. */
  container(frame: Frame, items: readonly Item[], phase: 'first' | 'next' | 'key', gap: number): State {
    const key = `c${frame.id};${phase}${gap};${items.map(itemKey).join('|')}`
    return this.intern(key, (id) => new ContainerState(this, id, key, frame, items, phase, gap))
  }

  colon(frame: Frame, dues: readonly Due[]): State {
    const key = `:${frame.id};${dues.map(dueKey).join('|')}`
    return this.intern(key, () => new ColonState(this, key, frame, dues))
  }

  openFrame(type: 'array' | 'object', outer: ValueState): Frame {
    const key = `${type}${outer.id}`
    return this.#frame(key, (id) => ({ id, type, depth: outer.frame.depth + 1, outer, texts: [] }))
  }

  withText(frame: Frame, text: string): Frame {
    return this.#frame(`${frame.id}+${text}`, (id) => ({ ...frame, id, texts: [...frame.texts, text] }))
  }

  #frame(key: string, make: (id: number) => Frame): Frame {
    let frame = this.#frames.get(key)
    if (frame === undefined) {
      frame = make(++this.#ids)
      this.#frames.set(key, frame)
    }
    return frame
  }

  intern<T extends State>(key: string, make: (id: number) => T): T {
    const known = this.#states.get(key)
    // a key begins with its state's kind, so what is found under it is a T
    if (known !== undefined) return known as T
    if (this.#states.size >= maxStates) this.forget()
    const state = make(++this.#ids)
    this.#states.set(key, state)
    return state
  }

  lexeme(matchers: readonly Matcher[]): Lexeme {
    const key = matchers.map((matcher) => this.#matcherId(matcher)).join(',')
    let lexeme = this.#lexemes.get(key)
    if (lexeme === undefined) {
      lexeme = new Lexeme(++this.#ids, matchers)
      this.#lexemes.set(key, lexeme)
    }
    return lexeme
  }

  keyMatcher(frame: Frame, { rule, progress }: ObjectItem): KeyMatcher {
    const { seen, count, found } = progress
    const key = `${rule.id}:${seen}:${count}:${found}:${frame.texts.length === 0 ? isDeep(frame) : `f${frame.id}`}`
    let matcher = this.#keyMatchers.get(key)
    if (matcher === undefined) {
      matcher = new KeyMatcher(rule, progress, frame.texts, isDeep(frame))
      this.#keyMatchers.set(key, matcher)
    }
    return matcher
  }

  excluding(base: Matcher, texts: readonly string[]): ExcludingMatcher {
    const key = `${this.#matcherId(base)}:${JSON.stringify(texts)}`
    let matcher = this.#excluding.get(key)
    if (matcher === undefined) {
      matcher = new ExcludingMatcher(base, texts)
      this.#excluding.set(key, matcher)
    }
    return matcher
  }

  /** The elements that each reading of an array may have next. */
  elementDues(frame: Frame, items: readonly ArrayItem[]): readonly Due[] {
    return mergeDues(
      items.flatMap((item) =>
        item.rule
          .choices(item.progress, isDeep(frame))
          .map(({ shape, progress }) => ({ shape, next: { ...item, progress } }))
          .filter((due) => !item.rule.unique || this.#hasAnother(frame, due.shape)),
      ),
    )
  }

  /** The state after a value in `frame`; the readings in which it was due. */
  afterValue(frame: Frame, items: readonly (Item | null)[]): State {
    const readings = items.filter((item) => item !== null)
    return readings.length === 0 ? this.done : this.container(frame, mergeItems(readings), 'next', 0)
  }

  #hasAnother(frame: Frame, shape: Due['shape']): boolean {
    const { strings, numbers } = textsByType(frame.texts)
    const words = wordBits(frame.texts)
    return (
      (shape.words & ~words) !== 0 ||
      shape.strings.some((matcher) => this.excluding(matcher, strings).possible) ||
      shape.numbers.some((matcher) => this.excluding(matcher, numbers).possible)
    )
  }

  #matcherId(matcher: Matcher): number {
    let id = this.#matcherIds.get(matcher)
    if (id === undefined) {
      id = ++this.#ids
      this.#matcherIds.set(matcher, id)
    }
    return id
  }

  /** The same place in the text; in new tables where those it lies in have grown large. */
  renew(state: State): State {
    if (!(state instanceof LexemeState && state.lexeme.isLarge)) return state
    this.forget()
    const lexeme = this.lexeme(state.lexeme.matchers)
    return state.owner.at(
      state.kind,
      lexeme,
      lexeme.adopt(state.lexeme, state.state),
      state.partial,
      state.text,
    )
  }

  /** Lets go of all that can be made again. States in use stay good. */
  forget(): void {
    this.#states.clear()
    this.#frames.clear()
    this.#lexemes.clear()
    this.#matcherIds.clear()
    this.#keyMatchers.clear()
    this.#excluding.clear()
  }
}

/** Elements as they are remembered: a string behind a quote, a number or word as it is written. */
export function textsByType(texts: readonly string[]): { strings: string[]; numbers: string[] } {
  return {
    strings: texts.filter((text) => text.startsWith('"')).map((text) => text.slice(1)),
    numbers: texts.filter((text) => !text.startsWith('"')),
  }
}

const words = ['null', 'true', 'false']

/** Which of null, true and false are among the texts, as type bits. */
export function wordBits(texts: readonly string[]): number {
  return words.reduce((bits, word, index) => (texts.includes(word) ? bits | (1 << index) : bits), 0)
}
