import type { Lexeme } from './machine/lexeme.ts'
import { LexemeState } from './machine/lexeme-state.ts'
import type { LexemeOwner, State } from './machine/state.ts'
import { between, type Partial, StringStep } from './machine/string-step.ts'
import { dead } from './matchers/matcher.ts'
import type { Slice } from './slices.ts'
import { impure, type Trie } from './token-trie.ts'
import { maskWords, type PlainTokens, type Vocabulary } from './vocabulary.ts'

/** Masks kept, least recently used dropped first; of a vocabulary of 151,552 tokens, 885. */
const maxCachedBytes = 16 * 1024 * 1024

const quote = 0x22

/** Within a string, key or number: what its matchers and its surroundings are, and the text where it matters. */
interface Place {
  readonly owner: LexemeOwner
  readonly lexeme: Lexeme
}

/** Which tokens may come next: walks the vocabulary's tries under a state and leaves what it refuses. */
export class Masker {
  readonly #vocabulary: Vocabulary
  readonly #words: number
  readonly #step = new StringStep()
  /** The mask being made, and what the walked trie's tokens are bits of. */
  #mask: Uint32Array<ArrayBuffer>
  /** After each end of a string met while the mask is made, which suffixes can follow. */
  readonly #suffixes = new Map<State, Uint32Array>()
  readonly #cache = new Map<string, Uint32Array<ArrayBuffer>>()

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
    if (this.#cache.size * this.#words * 4 > maxCachedBytes) this.#dropOldest()
    return mask.slice()
  }

  #dropOldest(): void {
    for (const oldest of this.#cache.keys()) {
      this.#cache.delete(oldest)
      return
    }
  }

  #compute(state: State): Uint32Array<ArrayBuffer> {
    const { plain, other, notClosing, eosTokens } = this.#vocabulary
    this.#mask = new Uint32Array(this.#words)
    this.#suffixes.clear()
    const inString = state instanceof LexemeState && state.kind === 'string' && state.partial === between
    for (const tokens of plain) {
      const taken = inString && this.#takePlain(tokens, state)
      if (!taken) this.#walk(tokens.trie, 1, tokens.trie.bytes.length, state)
    }
    if (inString) {
      this.#walkClosing(state, state.state, state.text, 0)
      this.#walk(notClosing, 1, notClosing.bytes.length, state)
    } else {
      this.#walk(other, 1, other.bytes.length, state)
    }
    if (state.mayEnd) for (const token of eosTokens) this.#allow(token)
    return this.#mask
  }

  /** Within a string, plain tokens need no walk when only their length decides. */
  #takePlain({ slice, masks, longest }: PlainTokens, { lexeme, state }: LexemeState): boolean {
    const free = Math.min(lexeme.freeDepth(state, slice), longest)
    if (free < longest && lexeme.maxRest(state) > free) return false
    const from = free * this.#words
    for (let word = 0; word < this.#words; word++)
      this.#mask[word] = (this.#mask[word] ?? 0) | (masks[from + word] ?? 0)
    return true
  }

  #walk(trie: Trie, from: number, end: number, state: State): void {
    if (state instanceof LexemeState) {
      if (state.kind === 'number') this.#walkNumber(trie, from, end, state, state.state, state.text)
      else this.#walkString(trie, from, end, state, state.state, state.partial, state.text)
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
    this.#allowNode(trie, node)
    if (node + 1 < past) this.#walk(trie, node + 1, past, next)
  }

  #walkNumber(trie: Trie, from: number, end: number, place: Place, state: number, text: string | null): void {
    const ended = place.owner.finish(place.lexeme, state, text)
    let node = from
    while (node < end) {
      const past = trie.ends[node] ?? end
      const byte = trie.bytes[node] ?? 0
      const next = place.lexeme.next(state, byte)
      if (next !== dead) {
        this.#allowNode(trie, node)
        const longer = text === null ? null : text + String.fromCharCode(byte)
        if (node + 1 < past) this.#walkNumber(trie, node + 1, past, place, next, longer)
      } else {
        const after = ended?.step(byte) ?? null
        if (after !== null) this.#enter(trie, node, past, after)
      }
      node = past
    }
  }

  #walkString(
    trie: Trie,
    from: number,
    end: number,
    place: Place,
    state: number,
    partial: Partial,
    text: string | null,
  ): void {
    const { owner, lexeme } = place
    let node = from
    while (node < end) {
      const past = trie.ends[node] ?? end
      const byte = trie.bytes[node] ?? 0
      if (partial === between && byte === quote) {
        const after = owner.finish(lexeme, state, text)
        if (after !== null) this.#enter(trie, node, past, after)
      } else if (this.#step.step(lexeme, state, partial, byte)) {
        const { state: next, partial: rest, char } = this.#step
        if (rest === between && this.#isFree(trie, node, lexeme, next)) {
          this.#allowTokens(trie, node, past)
        } else {
          this.#allowNode(trie, node)
          const longer = text === null || char === -1 ? text : text + String.fromCodePoint(char)
          if (node + 1 < past) this.#walkString(trie, node + 1, past, place, next, rest, longer)
        }
      }
      node = past
    }
  }

  #isFree(trie: Trie, node: number, lexeme: Lexeme, state: number): boolean {
    const height = trie.heights[node] ?? impure
    if (height === impure) return false
    const slice = trie.slices[node] ?? 0
    return slice === 0 || lexeme.freeDepth(state, slice as Slice) >= height // what is left of 0, 1, 2, 3
  }

  /** Tokens that end the string: their plain beginnings from `node` down, then, by what follows the quote, their ends. */
  #walkClosing(place: Place, state: number, text: string | null, node: number): void {
    const { prefixes } = this.#vocabulary.closing
    const past = prefixes.ends[node] ?? prefixes.bytes.length
    const { owner, lexeme } = place
    if (lexeme.steady(state, this.#vocabulary.longestPlain)) {
      // what follows is the same whatever the text was: a closing token cannot repeat it
      this.#allowClosing(owner.finish(lexeme, state, null), node, past)
      return
    }
    if ((prefixes.firstToken[node + 1] ?? 0) > (prefixes.firstToken[node] ?? 0)) {
      this.#allowClosing(owner.finish(lexeme, state, text), node, node + 1)
    }
    this.#walkPrefixes(place, state, between, text, node + 1, past)
  }

  #walkPrefixes(
    place: Place,
    state: number,
    partial: Partial,
    text: string | null,
    from: number,
    end: number,
  ): void {
    const { prefixes } = this.#vocabulary.closing
    let node = from
    while (node < end) {
      const past = prefixes.ends[node] ?? end
      if (this.#step.step(place.lexeme, state, partial, prefixes.bytes[node] ?? 0)) {
        const { state: next, partial: rest, char } = this.#step
        const longer = text === null || char === -1 ? text : text + String.fromCodePoint(char)
        if (rest === between) this.#walkClosing(place, next, longer, node)
        else this.#walkPrefixes(place, next, rest, longer, node + 1, past)
      }
      node = past
    }
  }

  /** Of the closing tokens of nodes [node, past), those whose part after the quote can follow. */
  #allowClosing(after: State | null, node: number, past: number): void {
    if (after === null) return
    const { prefixes, suffixOf } = this.#vocabulary.closing
    const suffixes = this.#allowedSuffixes(after)
    const end = prefixes.firstToken[past] ?? 0
    for (let at = prefixes.firstToken[node] ?? 0; at < end; at++) {
      const suffix = suffixOf[at] ?? 0
      if (((suffixes[suffix >> 5] ?? 0) >> (suffix & 31)) & 1) this.#allow(prefixes.tokens[at] ?? 0)
    }
  }

  #allowedSuffixes(after: State): Uint32Array {
    const known = this.#suffixes.get(after)
    if (known !== undefined) return known
    const { suffixes, suffixCount } = this.#vocabulary.closing
    const tokens = this.#mask
    this.#mask = new Uint32Array(maskWords(suffixCount))
    this.#enter(suffixes, 0, suffixes.bytes.length, after)
    const allowed = this.#mask
    this.#mask = tokens
    this.#suffixes.set(after, allowed)
    return allowed
  }

  #allowNode(trie: Trie, node: number): void {
    this.#allowTokens(trie, node, node + 1)
  }

  #allowTokens(trie: Trie, node: number, past: number): void {
    const end = trie.firstToken[past] ?? 0
    for (let at = trie.firstToken[node] ?? 0; at < end; at++) this.#allow(trie.tokens[at] ?? 0)
  }

  #allow(token: number): void {
    this.#mask[token >> 5] = (this.#mask[token >> 5] ?? 0) | (1 << (token & 31))
  }
}
