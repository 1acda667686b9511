import { dead } from '../matchers/matcher.ts'
import type { Lexeme } from './lexeme.ts'
import { type LexemeKind, type LexemeOwner, State } from './state.ts'
import { between, type Partial, StringStep } from './string-step.ts'

const quote = 0x22

/** Within a string, key or number. */
export class LexemeState extends State {
  readonly kind: LexemeKind
  readonly owner: LexemeOwner
  readonly lexeme: Lexeme
  readonly state: number
  readonly partial: Partial
  /** The characters so far, where they matter later: to keep keys and elements distinct. */
  readonly text: string | null
  readonly #stringStep = new StringStep()

  constructor(
    key: string,
    kind: LexemeKind,
    owner: LexemeOwner,
    lexeme: Lexeme,
    state: number,
    partial: Partial,
    text: string | null,
  ) {
    super(key)
    this.kind = kind
    this.owner = owner
    this.lexeme = lexeme
    this.state = state
    this.partial = partial
    this.text = text
  }

  /** Only a number can be the last thing of a text: nothing marks its end. */
  get mayEnd(): boolean {
    return this.kind === 'number' && (this.owner.finish(this.lexeme, this.state, this.text)?.mayEnd ?? false)
  }

  /** Like `key`, but one for all states of a string that allow the same tokens of at most `longest` characters. */
  maskKey(longest: number): string {
    if (this.kind !== 'string' || this.partial !== between) return this.key
    return `m${this.owner.id};${this.lexeme.id};${this.lexeme.maskState(this.state, longest)};${this.text ?? ''}`
  }

  protected override follow(byte: number): State | null {
    return this.kind === 'string' ? this.#inString(byte) : this.#inNumber(byte)
  }

  #inString(byte: number): State | null {
    if (byte === quote && this.partial === between)
      return this.owner.finish(this.lexeme, this.state, this.text)
    const step = this.#stringStep
    if (!step.step(this.lexeme, this.state, this.partial, byte)) return null
    const text =
      this.text === null || step.char === -1 ? this.text : this.text + String.fromCodePoint(step.char)
    return this.owner.at('string', this.lexeme, step.state, step.partial, text)
  }

  #inNumber(byte: number): State | null {
    const next = this.lexeme.next(this.state, byte)
    if (next === dead) return this.owner.finish(this.lexeme, this.state, this.text)?.step(byte) ?? null
    const text = this.text === null ? null : this.text + String.fromCharCode(byte)
    return this.owner.at('number', this.lexeme, next, between, text)
  }
}
