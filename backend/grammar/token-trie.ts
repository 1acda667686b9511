import { sliceOf } from './slices.ts'

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
  /** Per node, characters on the longest way down from it; `impure` if not all ways are plain characters. */
  readonly heights: Uint16Array
  /** Per node, the smallest slice that holds all characters below it. */
  readonly slices: Uint8Array
}

export interface TrieEntry {
  readonly bytes: Uint8Array
  readonly token: number
}

export const impure = 0xffff

export function buildTrie(entries: TrieEntry[]): Trie {
  entries.sort((a, b) => Buffer.compare(a.bytes, b.bytes))
  const nodes = countNodes(entries)
  const bytes = new Uint8Array(new SharedArrayBuffer(nodes))
  const ends = new Int32Array(new SharedArrayBuffer(4 * nodes))
  const firstToken = new Int32Array(new SharedArrayBuffer(4 * (nodes + 1)))
  const slices = new Uint8Array(new SharedArrayBuffer(nodes))
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
    raiseHeights(heights, slices, path, entry.bytes)
    previous = new Uint8Array(entry.bytes)
  })
  for (const node of path) ends[node] = next
  firstToken[nodes] = entries.length
  const tokens = new Int32Array(new SharedArrayBuffer(4 * entries.length))
  tokens.set(entries.map(({ token }) => token))
  return { bytes, ends, firstToken, tokens, heights, slices }
}

function countNodes(entries: readonly TrieEntry[]): number {
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
function raiseHeights(
  heights: Uint16Array,
  slices: Uint8Array,
  path: readonly number[],
  bytes: Uint8Array,
): void {
  let chars = 0
  let slice = 0
  for (let depth = bytes.length; depth >= 0; depth--) {
    const node = path[depth] ?? 0
    // between characters nothing goes on with the rest of one, and within one no height is asked for
    const height = isContinuation(bytes[depth]) ? impure : chars
    heights[node] = Math.max(heights[node] ?? 0, height)
    slices[node] = Math.max(slices[node] ?? 0, slice)
    if (depth > 0) slice = Math.max(slice, sliceOf(bytes[depth - 1] ?? 0))
    if (depth > 0 && chars !== impure) chars = withByte(chars, bytes, depth - 1)
  }
}

/** A character counts at its first byte; one that is cut off, or needs a backslash, makes the way impure. */
function withByte(chars: number, bytes: Uint8Array, at: number): number {
  const byte = bytes[at] ?? 0
  if (isContinuation(byte)) return chars
  const length = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
  const plain = byte >= 0x20 && byte !== 0x22 && byte !== 0x5c && at + length <= bytes.length
  return plain ? chars + 1 : impure
}

export function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80
}
