import type { Frame } from './frame.ts'
import { noGap, widen } from './gap.ts'
import { type ArrayItem, type Item, mergeDues, type ObjectItem } from './items.ts'
import type { KeyMatcher } from './key-matcher.ts'
import type { Lexeme } from './lexeme.ts'
import { LexemeState } from './lexeme-state.ts'
import type { Machine } from './machine.ts'
import { type LexemeKind, type LexemeOwner, State } from './state.ts'
import { between, type Partial } from './string-step.ts'
import { closeFrame } from './value-state.ts'

/** Within an array or object, where no value is due: `first` after the opening, `next` after a value, `key` after a comma. */
export class ContainerState extends State implements LexemeOwner {
  readonly mayEnd = false
  readonly id: number
  readonly #machine: Machine
  readonly #frame: Frame
  readonly #items: readonly Item[]
  readonly #phase: 'first' | 'next' | 'key'
  readonly #gap: number
  #keys:
    | {
        readonly lexeme: Lexeme
        readonly matchers: readonly KeyMatcher[]
        readonly items: readonly ObjectItem[]
      }
    | null
    | undefined

  constructor(
    machine: Machine,
    id: number,
    key: string,
    frame: Frame,
    items: readonly Item[],
    phase: 'first' | 'next' | 'key',
    gap: number,
  ) {
    super(key)
    this.id = id
    this.#machine = machine
    this.#frame = frame
    this.#items = items
    this.#phase = phase
    this.#gap = gap
  }

  protected override follow(byte: number): State | null {
    switch (byte) {
      case 0x22: // "
        return this.#phase === 'next' ? null : this.#openKey()
      case 0x2c: // ,
        return this.#phase === 'next' && this.#gap === noGap ? this.#more() : null
      case 0x7d: // }
        return this.#frame.type === 'object' && this.#phase !== 'key'
          ? closeFrame(this.#frame, this.#closing)
          : null
      case 0x5d: // ]
        return this.#frame.type === 'array' ? closeFrame(this.#frame, this.#closing) : null
      default:
        return this.#widened(byte)
    }
  }

  finish(lexeme: Lexeme, state: number, text: string | null): State | null {
    const { matchers, items } = this.#keyLexeme() ?? { matchers: [], items: [] }
    let undeclared = false
    const dues = lexeme.accepted(state).flatMap(({ index, state: inner }) => {
      const item = items[index]
      const matcher = matchers[index]
      if (item === undefined || matcher === undefined) return []
      undeclared ||= matcher.isUndeclared(inner)
      return matcher.choices(inner).map(({ shape, progress }) => ({ shape, next: { ...item, progress } }))
    })
    if (dues.length === 0) return null
    const frame = undeclared && text !== null ? this.#machine.withText(this.#frame, text) : this.#frame
    return this.#machine.colon(frame, mergeDues(dues))
  }

  at(kind: LexemeKind, lexeme: Lexeme, state: number, partial: Partial, text: string | null): State {
    const key = `k${this.id};${lexeme.id};${state};${partial};${text ?? ''}`
    return this.#machine.intern(key, () => new LexemeState(key, kind, this, lexeme, state, partial, text))
  }

  #openKey(): State | null {
    const keys = this.#keyLexeme()
    return keys === null ? null : this.at('string', keys.lexeme, keys.lexeme.start, between, '')
  }

  #more(): State | null {
    if (this.#frame.type === 'object') {
      return this.#keyLexeme() === null
        ? null
        : this.#machine.container(this.#frame, this.#items, 'key', noGap)
    }
    const dues = this.#machine.elementDues(this.#frame, this.#items.filter(isArrayItem))
    return dues.length === 0 ? null : this.#machine.value(this.#frame, dues, null, noGap)
  }

  #widened(byte: number): State | null {
    const gap = widen(this.#gap, byte, this.#frame.depth, false)
    if (gap === null) return null
    // after a value, white space only leads to the closing bracket
    if (this.#phase === 'next' && this.#closing.length === 0) return null
    return this.#machine.container(this.#frame, this.#items, this.#phase, gap)
  }

  get #closing(): readonly Item[] {
    return this.#items.filter((item) =>
      item.type === 'array' ? item.rule.mayEnd(item.progress) : item.rule.mayEnd(item.progress),
    )
  }

  #keyLexeme() {
    if (this.#keys !== undefined) return this.#keys
    const items: ObjectItem[] = []
    const matchers: KeyMatcher[] = []
    for (const item of this.#items) {
      if (item.type !== 'object') continue
      const matcher = this.#machine.keyMatcher(this.#frame, item)
      if (!matcher.possible) continue
      items.push(item)
      matchers.push(matcher)
    }
    this.#keys = matchers.length === 0 ? null : { lexeme: this.#machine.lexeme(matchers), matchers, items }
    return this.#keys
  }
}

function isArrayItem(item: Item): item is ArrayItem {
  return item.type === 'array'
}
