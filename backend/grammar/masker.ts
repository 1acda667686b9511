import type { Lexeme } from './machine/lexeme.ts'
import { LexemeState } from './machine/lexeme-state.ts'
import type { LexemeOwner, State } from './machine/state.ts'
import { between, type Partial, StringStep } from './machine/string-step.ts'
import { dead } from './matchers/matcher.ts'
import { maskWords, type Trie, type Vocabulary } from './vocabulary.ts'

/** Masks kept, least recently used dropped first; of a vocabulary of 151,552 tokens, 885. */
const maxCachedBytes = 16 * 1024 * 1024

const quote = 0x22

/** Which tokens may come next: walks the vocabulary's tries under a state and leaves what it refuses. */
export class Masker {
  readonly #vocabulary: Vocabulary
  readonly #words: number
  readonly #step = new StringStep()
  #mask: Uint32Array<ArrayBuffer>
  #cache = new Map<string, Uint32Array<ArrayBuffer>>()

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary
    this.#words = maskWords(vocabulary.size)
    this.#mask = new Uint32Array(this.#words)
  }

  /**
   * Bit i of the words, lowest first, allows token i. The caller owns the copy.
   * @param grammar tells the states of one grammar from another's
   */
  mask(grammar: string, state: State): Uint32Array<ArrayBuffer> {
    const inner = state instanceof LexemeState ? state.maskKey(this.#vocabulary.longestPlain) : state.key
    const key = `${grammar}/${inner}`
    let mask = this.#cache.get(key)
    this.#cache.delete(key)
    mask ??= this.#compute(state)
    this.#cache.set(key, mask)
    if (this.#cache.size * this.#words * 4 > maxCachedBytes) {
      for (const oldest of this.#cache.keys()) {
        this.#cache.delete(oldest)
        break
      }
    }
    return mask.slice()
  }

  #compute(state: State): Uint32Array<ArrayBuffer> {
    const { plain, other, eosTokens } = this.#vocabulary
    this.#mask = new Uint32Array(this.#words)
    if (state instanceof LexemeState && state.kind === 'string' && state.partial === between) {
      if (!this.#takePlain(state)) this.#walk(plain, 1, plain.bytes.length, state)
    } else {
      this.#walk(plain, 1, plain.bytes.length, state)
    }
    this.#walk(other, 1, other.bytes.length, state)
    if (state.mayEnd) for (const token of eosTokens) this.#allow(token)
    return this.#mask
  }

  /** Within a string, plain tokens need no walk when only their length decides. */
  #takePlain({ lexeme, state }: LexemeState): boolean {
    const { longestPlain, plainMasks } = this.#vocabulary
    const free = Math.min(lexeme.freeDepth(state), longestPlain)
    if (free < longestPlain && lexeme.maxRest(state) > free) return false
    this.#mask.set(plainMasks.subarray(free * this.#words, (free + 1) * this.#words))
    return true
  }

  #walk(trie: Trie, from: number, end: number, state: State): void {
    if (state instanceof LexemeState) {
      const { lexeme, state: inner, partial, text, owner } = state
      if (state.kind === 'number') this.#walkNumber(trie, from, end, owner, lexeme, inner, text)
      else this.#walkString(trie, from, end, owner, lexeme, inner, partial, text)
      return
    }
    let node = from
    while (node < end) {
      const past = trie.ends[node] ?? end
      const next = state.step(trie.bytes[node] ?? 0)
      if (next !== null) this.#enter(trie, node, past, next)
      node = past
    }
  }

  #enter(trie: Trie, node: number, past: number, next: State): void {
    this.#allowAt(trie, node)
    if (node + 1 < past) this.#walk(trie, node + 1, past, next)
  }

  #walkNumber(
    trie: Trie,
    from: number,
    end: number,
    owner: LexemeOwner,
    lexeme: Lexeme,
    state: number,
    text: string | null,
  ): void {
    let node = from
    while (node < end) {
      const past = trie.ends[node] ?? end
      const byte = trie.bytes[node] ?? 0
      const next = lexeme.next(state, byte)
      if (next !== dead) {
        this.#allowAt(trie, node)
        const longer = text === null ? null : text + String.fromCharCode(byte)
        if (node + 1 < past) this.#walkNumber(trie, node + 1, past, owner, lexeme, next, longer)
      } else {
        const after = isNumberByte(byte) ? null : (owner.finish(lexeme, state, text)?.step(byte) ?? null)
        if (after !== null) this.#enter(trie, node, past, after)
      }
      node = past
    }
  }

  #walkString(
    trie: Trie,
    from: number,
    end: number,
    owner: LexemeOwner,
    lexeme: Lexeme,
    state: number,
    partial: Partial,
    text: string | null,
  ): void {
    const isPlain = trie === this.#vocabulary.plain
    let node = from
    while (node < end) {
      const past = trie.ends[node] ?? end
      const byte = trie.bytes[node] ?? 0
      if (partial === between && byte === quote) {
        const after = owner.finish(lexeme, state, text)
        if (after !== null) this.#enter(trie, node, past, after)
      } else if (this.#step.step(lexeme, state, partial, byte)) {
        const { state: next, partial: rest, char } = this.#step
        if (isPlain && rest === between && lexeme.freeDepth(next) >= (trie.heights[node] ?? 0)) {
          this.#allowSubtree(trie, node, past)
        } else {
          this.#allowAt(trie, node)
          const longer = text === null || char === -1 ? text : text + String.fromCodePoint(char)
          if (node + 1 < past) this.#walkString(trie, node + 1, past, owner, lexeme, next, rest, longer)
        }
      }
      node = past
    }
  }

  #allowAt(trie: Trie, node: number): void {
    const end = trie.firstToken[node + 1] ?? 0
    for (let at = trie.firstToken[node] ?? 0; at < end; at++) this.#allow(trie.tokens[at] ?? 0)
  }

  #allowSubtree(trie: Trie, node: number, past: number): void {
    const end = trie.firstToken[past] ?? 0
    for (let at = trie.firstToken[node] ?? 0; at < end; at++) this.#allow(trie.tokens[at] ?? 0)
  }

  #allow(token: number): void {
    this.#mask[token >> 5] = (this.#mask[token >> 5] ?? 0) | (1 << (token & 31))
  }
}

function isNumberByte(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2e ||
    byte === 0x2b ||
    byte === 0x2d ||
    byte === 0x65 ||
    byte === 0x45
  )
}
