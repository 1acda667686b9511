/** One merge of byte-pair encoding: two neighbouring tokens become one. The order of the list is the rank. */
export interface Merge {
  readonly left: number
  readonly right: number
  readonly merged: number
}

const empty = 0xffffffff

/**
 * Ranked merges, found by pair. A flat open-addressing table: a third of a million pairs take 8 MB, where a Map with
 * string keys takes over 60.
 */
export class MergeTable {
  readonly #mask: number
  /** u32 [capacity, 3]: left, right, rank. */
  readonly #entries: Uint32Array
  /** u32 [ranks]: the token a merge makes. */
  readonly #merged: Uint32Array

  constructor(merges: readonly Merge[]) {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(2, merges.length * 2)))
    this.#mask = capacity - 1
    this.#entries = new Uint32Array(capacity * 3).fill(empty)
    this.#merged = Uint32Array.from(merges, ({ merged }) => merged)
    for (const [rank, { left, right }] of merges.entries()) this.#insert(left, right, rank)
  }

  /** The pair's rank, lowest first to merge; -1 when the pair never merges. */
  rank(left: number, right: number): number {
    const at = this.#find(left, right)
    const rank = this.#entries[at + 2] ?? empty
    return rank === empty ? -1 : rank
  }

  merged(rank: number): number {
    return this.#merged[rank] ?? empty
  }

  #insert(left: number, right: number, rank: number) {
    const at = this.#find(left, right)
    this.#entries.set([left, right, rank], at)
  }

  /** Start of the pair's entry, or of the free one where it would go. */
  #find(left: number, right: number): number {
    let slot = (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> 0
    slot = (slot ^ (slot >>> 15)) & this.#mask
    for (;;) {
      const at = slot * 3
      if (this.#entries[at + 2] === empty) return at
      if (this.#entries[at] === left && this.#entries[at + 1] === right) return at
      slot = (slot + 1) & this.#mask
    }
  }
}
