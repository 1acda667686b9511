import type { Matcher } from '../matchers/matcher.ts'
import { types } from '../schema/schema-node.ts'
import { type Frame, isDeep } from './frame.ts'
import { widen } from './gap.ts'
import { type ArrayItem, type Due, type Item, mergeItems, type ObjectItem } from './items.ts'
import type { Lexeme } from './lexeme.ts'
import { LexemeState } from './lexeme-state.ts'
import { type Machine, textsByType, wordBits } from './machine.ts'
import { WordState } from './simple-states.ts'
import { type LexemeKind, type LexemeOwner, State } from './state.ts'
import { between, type Partial } from './string-step.ts'

const wordsByByte: Readonly<Record<number, keyof typeof wordTypes>> = {
  110: 'null',
  116: 'true',
  102: 'false',
}
const wordTypes = { null: types.null, true: types.true, false: types.false } as const

/** The matchers of one kind, each with the dues it serves. */
interface Group {
  readonly lexeme: Lexeme
  readonly dues: readonly (readonly number[])[]
}

/** Where a value is due. */
export class ValueState extends State implements LexemeOwner {
  readonly mayEnd = false
  readonly id: number
  readonly frame: Frame
  readonly #machine: Machine
  readonly #dues: readonly Due[]
  readonly #ends: readonly ArrayItem[] | null
  readonly #gap: number
  readonly #groups: { [kind in LexemeKind]?: Group | null } = {}

  constructor(
    machine: Machine,
    id: number,
    key: string,
    frame: Frame,
    dues: readonly Due[],
    ends: readonly ArrayItem[] | null,
    gap: number,
  ) {
    super(key)
    this.id = id
    this.frame = frame
    this.#machine = machine
    this.#dues = dues
    this.#ends = ends
    this.#gap = gap
  }

  protected override follow(byte: number): State | null {
    switch (byte) {
      case 0x22: // "
        return this.#openString()
      case 0x7b: // {
        return this.#openObject()
      case 0x5b: // [
        return this.#openArray()
      case 0x5d: // ]
        return this.#ends === null ? null : closeFrame(this.frame, this.#ends)
      case 0x66: // f
      case 0x6e: // n
      case 0x74: // t
        return this.#word(byte)
      case 0x20:
      case 0x09:
      case 0x0a:
        return this.#widened(byte)
      default:
        return this.#number(byte)
    }
  }

  /** The value is complete in the readings with these dues. */
  finishDues(indexes: readonly number[], text: string | null): State {
    const frame = text !== null && this.#keepsTexts ? this.#machine.withText(this.frame, text) : this.frame
    return this.#machine.afterValue(
      frame,
      indexes.map((index) => this.#dues[index]?.next ?? null),
    )
  }

  finishWord(word: string): State {
    const bit = Object.entries(wordTypes).find(([name]) => name === word)?.[1] ?? 0
    return this.finishDues(this.#duesWithWord(bit), word)
  }

  finish(lexeme: Lexeme, state: number, text: string | null): State | null {
    const { string, number } = this.#groups
    const group = string?.lexeme.matchers === lexeme.matchers ? string : number
    const indexes = lexeme.accepted(state).flatMap(({ index }) => group?.dues[index] ?? [])
    if (indexes.length === 0) return null
    const marked = text !== null && group === this.#groups.string ? `"${text}` : text
    return this.finishDues(
      [...new Set(indexes)].sort((a, b) => a - b),
      marked,
    )
  }

  at(kind: LexemeKind, lexeme: Lexeme, state: number, partial: Partial, text: string | null): State {
    const key = `${kind === 'string' ? 's' : 'n'}${this.id};${lexeme.id};${state};${partial};${text ?? ''}`
    return this.#machine.intern(key, () => new LexemeState(key, kind, this, lexeme, state, partial, text))
  }

  #widened(byte: number): State | null {
    if (this.frame.type === 'top') return null
    const gap = widen(this.#gap, byte, this.frame.depth, this.frame.type === 'object')
    return gap === null ? null : this.#machine.value(this.frame, this.#dues, this.#ends, gap)
  }

  #openString(): State | null {
    const group = this.#group('string')
    return group === null
      ? null
      : this.at('string', group.lexeme, group.lexeme.start, between, this.#textStart)
  }

  #number(byte: number): State | null {
    const group = this.#group('number')
    const state = group === null ? -1 : group.lexeme.next(group.lexeme.start, byte)
    if (group === null || state === -1) return null
    const text = this.#keepsTexts ? String.fromCharCode(byte) : null
    return this.at('number', group.lexeme, state, between, text)
  }

  #word(byte: number): State | null {
    const word = wordsByByte[byte]
    if (word === undefined || this.#duesWithWord(wordTypes[word]).length === 0) return null
    return new WordState(this.#machine, this, word, 1)
  }

  #openObject(): State | null {
    const items = this.#open((due, index) =>
      this.#flattest(due, due.shape.objects).map(
        (rule): ObjectItem => ({ type: 'object', rule, progress: rule.start, origins: [index] }),
      ),
    )
    if (items.length === 0) return null
    return this.#machine.container(this.#machine.openFrame('object', this), mergeItems(items), 'first', 0)
  }

  #openArray(): State | null {
    const items = this.#open((due, index) =>
      this.#flattest(due, due.shape.arrays).map(
        (rule): ArrayItem => ({ type: 'array', rule, progress: rule.start, origins: [index] }),
      ),
    )
    if (items.length === 0) return null
    const frame = this.#machine.openFrame('array', this)
    const merged = mergeItems(items)
    const ends = merged.filter(({ rule, progress }) => rule.mayEnd(progress))
    return this.#machine.value(frame, this.#machine.elementDues(frame, merged), ends, 0)
  }

  #open<T extends Item>(openings: (due: Due, index: number) => readonly T[]): readonly T[] {
    return this.#dues.flatMap(openings)
  }

  /** In the deep, only the containers that lead out of it. */
  #flattest<T extends { height(): number }>({ shape }: Due, rules: readonly T[]): readonly T[] {
    return rules.filter((rule) => {
      const height = rule.height()
      return isDeep(this.frame) ? height === shape.height : Number.isFinite(height)
    })
  }

  #group(kind: LexemeKind): Group | null {
    const known = this.#groups[kind]
    if (known !== undefined) return known
    const byMatcher = new Map<Matcher, number[]>()
    this.#dues.forEach(({ shape, next }, index) => {
      for (const matcher of kind === 'string' ? shape.strings : shape.numbers) {
        const usable = this.#withoutRepeats(kind, matcher, next)
        if (usable === null) continue
        const indexes = byMatcher.get(usable)
        if (indexes === undefined) byMatcher.set(usable, [index])
        else indexes.push(index)
      }
    })
    const matchers = [...byMatcher.keys()]
    const group =
      matchers.length === 0 ? null : { lexeme: this.#machine.lexeme(matchers), dues: [...byMatcher.values()] }
    this.#groups[kind] = group
    return group
  }

  #withoutRepeats(kind: LexemeKind, matcher: Matcher, next: Item | null): Matcher | null {
    if (!isUnique(next) || this.frame.texts.length === 0) return matcher
    const { strings, numbers } = textsByType(this.frame.texts)
    const excluding = this.#machine.excluding(matcher, kind === 'string' ? strings : numbers)
    return excluding.possible ? excluding : null
  }

  #duesWithWord(bit: number): number[] {
    const gone = wordBits(this.frame.texts)
    return this.#dues.flatMap(({ shape, next }, index) => {
      const repeated = isUnique(next) && (gone & bit) !== 0
      return (shape.words & bit) !== 0 && !repeated ? [index] : []
    })
  }

  get #keepsTexts(): boolean {
    return this.frame.type === 'array' && this.#dues.some(({ next }) => isUnique(next))
  }

  get #textStart(): string | null {
    return this.#keepsTexts ? '' : null
  }
}

/** The container is complete in these of its readings. */
export function closeFrame(frame: Frame, items: readonly Item[]): State | null {
  if (items.length === 0 || frame.outer === null) return null
  const origins = new Set(items.flatMap((item) => item.origins))
  return frame.outer.finishDues(
    [...origins].sort((a, b) => a - b),
    null,
  )
}

function isUnique(item: Item | null): boolean {
  return item?.type === 'array' && item.rule.unique
}
