/**
 * Tokens in a trie, laid out depth first: the node after a node is its first child, `ends` is the index after its
 * subtree. Node 0 is the root. Shared memory, so that every thread walks the same one.
 */
export interface Trie {
  /** Byte that leads to each node. */
  readonly bytes: Uint8Array
  readonly ends: Int32Array
  /** Per node, where its own tokens begin in `tokens`; those of its subtree end where those of `ends` begin. */
  readonly firstToken: Int32Array
  readonly tokens: Int32Array
  /** Per node, characters on the longest way down from it. */
  readonly heights: Uint16Array
}

/** A tokenizer's tokens, sorted for masks. */
export interface Vocabulary {
  readonly size: number
  readonly eosTokens: readonly number[]
  /** What the tokens write, one after another; a special token writes nothing. */
  readonly text: Uint8Array
  /** Where in `text` each token's part begins, and the last one's ends. */
  readonly offsets: Int32Array
  /** Tokens of whole characters that a JSON string holds as they are. */
  readonly plain: Trie
  /** All others that can be part of a JSON text. */
  readonly other: Trie
  /** Masks, one after another: the plain tokens of at most 0, 1, 2, ... characters. */
  readonly plainMasks: Uint32Array
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
  const plain: Entry[] = []
  const other: Entry[] = []
  tokenBytes.forEach((bytes, token) => {
    if (bytes === null || bytes.length === 0 || special.has(token)) return
    const kind = classify(bytes)
    if (kind !== 'impossible') (kind === 'plain' ? plain : other).push({ bytes, token })
  })
  const plainTrie = buildTrie(plain)
  const longestPlain = plainTrie.heights[0] ?? 0
  return {
    size: tokenBytes.length,
    eosTokens,
    ...concatenate(tokenBytes, special),
    plain: plainTrie,
    other: buildTrie(other),
    plainMasks: masksByLength(plain, tokenBytes.length, longestPlain),
    longestPlain,
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

interface Entry {
  readonly bytes: Uint8Array
  readonly token: number
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

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80
}

/** RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
function isSecond(lead: number, second: number): boolean {
  if (lead === 0xe0) return second >= 0xa0
  if (lead === 0xed) return second < 0xa0
  if (lead === 0xf0) return second >= 0x90
  return lead !== 0xf4 || second < 0x90
}

function buildTrie(entries: Entry[]): Trie {
  entries.sort((a, b) => Buffer.compare(a.bytes, b.bytes))
  const nodes = countNodes(entries)
  const bytes = new Uint8Array(new SharedArrayBuffer(nodes))
  const ends = new Int32Array(new SharedArrayBuffer(4 * nodes))
  const firstToken = new Int32Array(new SharedArrayBuffer(4 * (nodes + 1)))
  const heights = new Uint16Array(new SharedArrayBuffer(2 * nodes))
  const path = [0]
  let next = 1
  let previous = new Uint8Array(0)
  entries.forEach((entry, index) => {
    const shared = sharedPrefix(previous, entry.bytes)
    for (const node of path.splice(shared + 1)) ends[node] = next
    for (const byte of entry.bytes.subarray(shared)) {
      bytes[next] = byte
      firstToken[next] = index
      path.push(next++)
    }
    raiseHeights(heights, path, entry.bytes)
    previous = new Uint8Array(entry.bytes)
  })
  for (const node of path) ends[node] = next
  firstToken[nodes] = entries.length
  const tokens = new Int32Array(new SharedArrayBuffer(4 * entries.length))
  tokens.set(entries.map(({ token }) => token))
  return { bytes, ends, firstToken, tokens, heights }
}

function countNodes(entries: readonly Entry[]): number {
  let nodes = 1
  let previous: Uint8Array = new Uint8Array(0)
  for (const { bytes } of entries) {
    nodes += bytes.length - sharedPrefix(previous, bytes)
    previous = bytes
  }
  return nodes
}

function sharedPrefix(a: Uint8Array, b: Uint8Array): number {
  let shared = 0
  while (shared < a.length && shared < b.length && a[shared] === b[shared]) shared++
  return shared
}

/** `path` holds the node at each depth of the entry just added. */
function raiseHeights(heights: Uint16Array, path: readonly number[], bytes: Uint8Array): void {
  let chars = 0
  for (let depth = bytes.length; depth >= 0; depth--) {
    const node = path[depth] ?? 0
    heights[node] = Math.max(heights[node] ?? 0, chars)
    if (depth > 0 && !isContinuation(bytes[depth - 1])) chars++
  }
}

function masksByLength(entries: readonly Entry[], size: number, longest: number): Uint32Array {
  const words = maskWords(size)
  const masks = new Uint32Array(new SharedArrayBuffer(4 * words * (longest + 1)))
  for (const { bytes, token } of entries) {
    const chars = bytes.reduce((count, byte) => count + (isContinuation(byte) ? 0 : 1), 0)
    const at = chars * words + (token >> 5)
    masks[at] = (masks[at] ?? 0) | (1 << (token & 31))
  }
  for (let at = words; at < masks.length; at++) masks[at] = (masks[at] ?? 0) | (masks[at - words] ?? 0)
  return masks
}
