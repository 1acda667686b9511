import type { MergeTable } from './merge-table.ts'

/**
 * Byte-pair encoding of one piece: merges neighbours, lowest rank first, leftmost first among equals, until none can.
 * Takes O(n log n) whatever the text, so a piece of a hundred thousand letters cannot stall the server. Works in
 * buffers it keeps: most pieces are words, and four fresh arrays a word would be most of the work.
 */
export class TokenMerger {
  readonly #table: MergeTable
  // A linked list over the tokens' places: a merge keeps the left place and unlinks the right one.
  #next = new Int32Array(0)
  #previous = new Int32Array(0)
  /** Rank of the merge of a place with its right neighbour, -1 for none. */
  #ranks = new Int32Array(0)
  #candidates = new MinHeap(0)
  #capacity = 0

  constructor(table: MergeTable) {
    this.#table = table
  }

  /**
   * @param tokens overwritten by the result
   * @param count how many of `tokens` are the piece
   * @returns how many of `tokens` are the result
   */
  merge(tokens: Uint32Array, count: number): number {
    if (count < 2) return count
    this.#reserve(count)
    const next = this.#next
    const previous = this.#previous
    const ranks = this.#ranks
    for (let at = 0; at < count; at++) {
      next[at] = at + 1
      previous[at] = at - 1
    }
    for (let at = 0; at < count; at++) this.#consider(tokens, count, at)

    for (let candidate = this.#candidates.pop(); candidate !== null; candidate = this.#candidates.pop()) {
      const at = candidate % count
      const rank = (candidate - at) / count
      if (ranks[at] !== rank) continue // one of the two has merged meanwhile
      const right = next[at] ?? count
      const after = next[right] ?? count
      tokens[at] = this.#table.merged(rank)
      ranks[right] = -1
      next[at] = after
      if (after < count) previous[after] = at
      this.#consider(tokens, count, at)
      const before = previous[at] ?? -1
      if (before >= 0) this.#consider(tokens, count, before)
    }

    let kept = 0
    for (let at = 0; at < count; at = next[at] ?? count) tokens[kept++] = tokens[at] ?? 0
    return kept
  }

  #consider(tokens: Uint32Array, count: number, at: number) {
    const right = this.#next[at] ?? count
    const rank = right < count ? this.#table.rank(tokens[at] ?? 0, tokens[right] ?? 0) : -1
    this.#ranks[at] = rank
    if (rank >= 0) this.#candidates.push(rank * count + at)
  }

  #reserve(count: number) {
    if (count <= this.#capacity) return
    this.#capacity = Math.max(64, count)
    this.#next = new Int32Array(this.#capacity)
    this.#previous = new Int32Array(this.#capacity)
    this.#ranks = new Int32Array(this.#capacity)
    // A merge removes one token and adds at most two candidates.
    this.#candidates = new MinHeap(this.#capacity * 3)
  }
}

class MinHeap {
  readonly #values: Float64Array
  #size = 0

  constructor(capacity: number) {
    this.#values = new Float64Array(capacity)
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
