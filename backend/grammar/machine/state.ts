import type { Lexeme } from './lexeme.ts'
import type { Partial } from './string-step.ts'

/**
 * Where a JSON text stands. Immutable; equal states of one machine are mostly the same object, and each remembers
 * where its bytes led, so that walking a token trie twice is cheap the second time.
 */
export abstract class State {
  /** Tells masks apart: states with one key allow the same tokens. */
  readonly key: string
  readonly #next = new Map<number, State | null>()

  constructor(key: string) {
    this.key = key
  }

  /** Whether the text may end here. */
  abstract readonly mayEnd: boolean

  /** The state after `byte`; null: no valid text goes on like this. From any other state some valid text ends. */
  step(byte: number): State | null {
    let next = this.#next.get(byte)
    if (next === undefined) {
      next = this.follow(byte)
      this.#next.set(byte, next)
    }
    return next
  }

  protected abstract follow(byte: number): State | null
}

/** What stands around a string or a number: told when it ends. */
export interface LexemeOwner {
  readonly id: number
  /** The state after the text that brought `lexeme` to `state`; null: it must not end there. */
  finish(lexeme: Lexeme, state: number, text: string | null): State | null
  /** After a character; interned. */
  at(kind: LexemeKind, lexeme: Lexeme, state: number, partial: Partial, text: string | null): State
}

export type LexemeKind = 'string' | 'number'
