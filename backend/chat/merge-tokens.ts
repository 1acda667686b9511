import type { MergeTable } from './merge-table.ts'

/**
 * Byte-pair encoding of one piece: merges neighbours, lowest rank first, leftmost first among equals, until none can.
 * Takes O(n log n) whatever the text, so a piece of a hundred thousand letters cannot stall the server.
 * @param tokens single-byte tokens; overwritten by the result
 * @returns how many of `tokens` are the result
 */
export function mergeTokens(tokens: Uint32Array, count: number, table: MergeTable): number {
  if (count < 2) return count
  // A linked list over the array: a merge keeps the left place and unlinks the right one.
  const next = new Int32Array(count)
  const previous = new Int32Array(count)
  const ranks = new Int32Array(count)
  const heap = new CandidateHeap(count)
  const consider = (at: number) => {
    const right = next[at] ?? count
    ranks[at] = right < count ? table.rank(tokens[at] ?? 0, tokens[right] ?? 0) : -1
    if ((ranks[at] ?? -1) >= 0) heap.push((ranks[at] ?? 0) * count + at)
  }
  for (let at = 0; at < count; at++) {
    next[at] = at + 1
    previous[at] = at - 1
  }
  for (let at = 0; at < count - 1; at++) consider(at)

  for (let candidate = heap.pop(); candidate !== null; candidate = heap.pop()) {
    const at = candidate % count
    const rank = (candidate - at) / count
    if (ranks[at] !== rank) continue // one of the two has merged meanwhile
    const right = next[at] ?? count
    const after = next[right] ?? count
    tokens[at] = table.merged(rank)
    ranks[right] = -1
    next[at] = after
    if (after < count) previous[after] = at
    consider(at)
    const before = previous[at] ?? -1
    if (before >= 0) consider(before)
  }

  let kept = 0
  for (let at = 0; at < count; at = next[at] ?? count) tokens[kept++] = tokens[at] ?? 0
  return kept
}

/** A binary min-heap of numbers. A merge removes one token and adds at most two candidates, hence the room. */
class CandidateHeap {
  readonly #values: Float64Array
  #size = 0

  constructor(count: number) {
    this.#values = new Float64Array(count * 3)
  }

  push(value: number) {
    let at = this.#size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = this.#values[parent] ?? 0
      if (above <= value) break
      this.#values[at] = above
      at = parent
    }
    this.#values[at] = value
  }

  pop(): number | null {
    if (this.#size === 0) return null
    const top = this.#values[0] ?? 0
    const last = this.#values[--this.#size] ?? 0
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= this.#size) break
      if (child + 1 < this.#size && (this.#values[child + 1] ?? 0) < (this.#values[child] ?? 0)) child++
      const below = this.#values[child] ?? 0
      if (below >= last) break
      this.#values[at] = below
      at = child
    }
    this.#values[at] = last
    return top
  }
}
