import { type Slice, sliceOf, slices } from './slices.ts'
import { buildTrie, isContinuation, type Trie, type TrieEntry } from './token-trie.ts'

/** Plain tokens whose characters all lie in `slice`, but not all in a smaller one. */
export interface PlainTokens {
  readonly slice: Slice
  readonly trie: Trie
  /** Masks, one after another: of at most 0, 1, 2, ... characters. */
  readonly masks: Uint32Array
  readonly longest: number
}

/** Tokens of plain characters, a quote, and one more quote at most: by what comes before the quote, and after it. */
interface ClosingTokens {
  readonly prefixes: Trie
  /** Which suffix each token of `prefixes.tokens` has, by its number in `suffixes`. */
  readonly suffixOf: Int32Array
  readonly suffixes: Trie
  readonly suffixCount: number
}

/** Longer tokens are few (runs of one sign) and would only make more tables. */
const maxPlainChars = 32

/** A tokenizer's tokens, sorted for masks. */
export interface Vocabulary {
  readonly size: number
  readonly eosTokens: readonly number[]
  /** What the tokens write, one after another; a special token writes nothing. */
  readonly text: Uint8Array
  /** Where in `text` each token's part begins, and the last one's ends. */
  readonly offsets: Int32Array
  /** Tokens of up to 32 whole characters that a JSON string holds as they are, by the slice they need. */
  readonly plain: readonly PlainTokens[]
  /** All others that can be part of a JSON text. */
  readonly other: Trie
  /** Of these, those that can end a string, sorted for that; and others that a string can go on with. */
  readonly closing: ClosingTokens
  readonly notClosing: Trie
  readonly longestPlain: number
}

/**
 * @param tokenBytes what each token writes; null for special tokens, which no text within a grammar contains.
 * @param eosTokens allowed where the text may end, and nowhere else.
 */
export function buildVocabulary(
  tokenBytes: readonly (Uint8Array | null)[],
  eosTokens: readonly number[],
): Vocabulary {
  const special = new Set(eosTokens)
  const plain: TrieEntry[] = []
  const other: TrieEntry[] = []
  tokenBytes.forEach((bytes, token) => {
    if (bytes === null || bytes.length === 0 || special.has(token)) return
    const kind = classify(bytes)
    if (kind === 'impossible') return
    const isPlain = kind === 'plain' && charsIn(bytes) <= maxPlainChars
    if (isPlain) plain.push({ bytes, token })
    else other.push({ bytes, token })
  })
  const plainTokens = slices.map((slice) =>
    buildPlain(
      slice,
      plain.filter(({ bytes }) => sliceOfToken(bytes) === slice),
      tokenBytes.length,
    ),
  )
  const parted = other.map((entry) => ({ entry, quote: closingQuote(entry.bytes) }))
  return {
    size: tokenBytes.length,
    eosTokens,
    ...concatenate(tokenBytes, special),
    plain: plainTokens,
    longestPlain: Math.max(...plainTokens.map(({ longest }) => longest)),
    other: buildTrie(other),
    closing: buildClosing(parted.filter(({ quote }) => quote !== -1)),
    notClosing: buildTrie(
      parted.filter(({ entry, quote }) => quote === -1 && fitsString(entry.bytes)).map(({ entry }) => entry),
    ),
  }
}

/** The bytes a token writes; none for a special token or one that is not in the vocabulary. */
export function bytesOf({ text, offsets }: Vocabulary, token: number): Uint8Array {
  return text.subarray(offsets[token], offsets[token + 1] ?? 0)
}

export function maskWords(size: number): number {
  return Math.ceil(size / 32)
}

function concatenate(tokenBytes: readonly (Uint8Array | null)[], special: ReadonlySet<number>) {
  const lengths = tokenBytes.map((bytes, token) => (special.has(token) ? 0 : (bytes?.length ?? 0)))
  const text = new Uint8Array(new SharedArrayBuffer(lengths.reduce((sum, length) => sum + length, 0)))
  const offsets = new Int32Array(new SharedArrayBuffer(4 * (lengths.length + 1)))
  let at = 0
  tokenBytes.forEach((bytes, token) => {
    const length = lengths[token] ?? 0
    if (bytes !== null && length > 0) text.set(bytes, at)
    at += length
    offsets[token + 1] = at
  })
  return { text, offsets }
}

/** A token may begin or end within a character, so bytes are judged by whether any text could hold them. */
function classify(bytes: Uint8Array): 'plain' | 'other' | 'impossible' {
  let at = 0
  while (at < bytes.length && isContinuation(bytes[at])) at++
  if (at > 3) return 'impossible'
  let plain = at === 0
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0
    if (byte < 0x80) {
      if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a) return 'impossible'
      if (byte < 0x20 || byte === 0x22 || byte === 0x5c) plain = false
      at++
      continue
    }
    const length =
      byte >= 0xc2 && byte < 0xe0 ? 2 : byte >= 0xe0 && byte < 0xf0 ? 3 : byte >= 0xf0 && byte < 0xf5 ? 4 : 0
    if (length === 0) return 'impossible'
    for (let i = 1; i < length && at + i < bytes.length; i++) {
      if (!isContinuation(bytes[at + i])) return 'impossible'
    }
    const second = bytes[at + 1]
    if (second !== undefined && !isSecond(byte, second)) return 'impossible'
    if (at + length > bytes.length) plain = false
    at += length
  }
  return plain ? 'plain' : 'other'
}

function charsIn(bytes: Uint8Array): number {
  return bytes.reduce((count, byte) => count + (isContinuation(byte) ? 0 : 1), 0)
}

/** RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
function isSecond(lead: number, second: number): boolean {
  if (lead === 0xe0) return second >= 0xa0
  if (lead === 0xed) return second < 0xa0
  if (lead === 0xf0) return second >= 0x90
  return lead !== 0xf4 || second < 0x90
}

const quoteSign = 0x22
const backslash = 0x5c

/**
 * Where a string ends in a token whose part before that is plain; -1: it is not of this kind. With two more quotes a
 * token could hold a whole further key, and whether that is new depends on the one that ends here.
 */
function closingQuote(bytes: Uint8Array): number {
  const quote = bytes.indexOf(quoteSign)
  if (quote === -1 || bytes.filter((byte) => byte === quoteSign).length > 2) return -1
  const before = bytes.subarray(0, quote)
  if (before.includes(backslash) || (before.length > 0 && classify(before) !== 'plain')) return -1
  return quote
}

/** Whether a string can go on with these bytes between two characters: control characters only come after its end. */
function fitsString(bytes: Uint8Array): boolean {
  const quote = bytes.indexOf(quoteSign)
  const inside = quote === -1 ? bytes : bytes.subarray(0, quote)
  return !isContinuation(bytes[0]) && inside.every((byte) => byte >= 0x20)
}

function buildClosing(
  parted: readonly { readonly entry: TrieEntry; readonly quote: number }[],
): ClosingTokens {
  const numbers = new Map<string, number>()
  const suffixes: TrieEntry[] = []
  const suffixOfToken = new Map<number, number>()
  const prefixes = parted.map(({ entry: { bytes, token }, quote }) => {
    const suffix = bytes.subarray(quote + 1)
    const key = Buffer.from(suffix).toString('latin1')
    let number = numbers.get(key)
    if (number === undefined) {
      number = numbers.size
      numbers.set(key, number)
      suffixes.push({ bytes: suffix, token: number })
    }
    suffixOfToken.set(token, number)
    return { bytes: bytes.subarray(0, quote), token }
  })
  const trie = buildTrie(prefixes)
  const suffixOf = new Int32Array(new SharedArrayBuffer(4 * trie.tokens.length))
  suffixOf.set(Array.from(trie.tokens, (token) => suffixOfToken.get(token) ?? 0))
  return { prefixes: trie, suffixOf, suffixes: buildTrie(suffixes), suffixCount: suffixes.length }
}

function buildPlain(slice: Slice, entries: TrieEntry[], size: number): PlainTokens {
  const trie = buildTrie(entries)
  const longest = trie.heights[0] ?? 0
  return { slice, trie, longest, masks: masksByLength(entries, size, longest) }
}

function sliceOfToken(bytes: Uint8Array): number {
  return bytes.reduce((slice, byte) => Math.max(slice, sliceOf(byte)), 0)
}

function masksByLength(entries: readonly TrieEntry[], size: number, longest: number): Uint32Array {
  const words = maskWords(size)
  const masks = new Uint32Array(new SharedArrayBuffer(4 * words * (longest + 1)))
  for (const { bytes, token } of entries) {
    const at = charsIn(bytes) * words + (token >> 5)
    masks[at] = (masks[at] ?? 0) | (1 << (token & 31))
  }
  for (let at = words; at < masks.length; at++) masks[at] = (masks[at] ?? 0) | (masks[at - words] ?? 0)
  return masks
}
