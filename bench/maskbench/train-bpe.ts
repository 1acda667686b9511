/** A word's spelling in tokens, and how often it occurs. */
interface Word {
  readonly tokens: number[]
  readonly count: number
}

/** Splits as byte-level tokenizers of this family do: a word with the space before it, single digits, runs of signs. */
const words = /[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/gu

/**
 * Byte pair encoding (Sennrich et al. 2016) over bytes: the 256 bytes, then the pair that occurs most, again and
 * again, until there are `size` tokens or no pair occurs twice.
 */
export function trainBpe(text: string, size: number): Uint8Array[] {
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte))
  const corpus = countWords(text)
  const pairs = new PairCounts(corpus)
  while (tokens.length < size) {
    const best = pairs.takeMostFrequent()
    if (best === null) break
    const [left = new Uint8Array(), right = new Uint8Array()] = [tokens[best.left], tokens[best.right]]
    const merged = new Uint8Array(left.length + right.length)
    merged.set(left)
    merged.set(right, left.length)
    pairs.merge(best, tokens.length)
    tokens.push(merged)
  }
  return tokens
}

function countWords(text: string): Word[] {
  const counts = new Map<string, number>()
  for (const [word] of text.matchAll(words)) counts.set(word, (counts.get(word) ?? 0) + 1)
  return Array.from(counts, ([word, count]) => ({ tokens: [...Buffer.from(word)], count }))
}

interface Pair {
  readonly left: number
  readonly right: number
}

const base = 2 ** 20

/** How often each pair of neighbours occurs, and in which words. */
class PairCounts {
  readonly #words: readonly Word[]
  readonly #counts = new Map<number, number>()
  readonly #where = new Map<number, Set<number>>()
  /** Binary heap of (count when pushed, pair), most frequent first; entries go stale and are checked when taken. */
  readonly #heap: { readonly count: number; readonly key: number }[] = []

  constructor(corpus: readonly Word[]) {
    this.#words = corpus
    corpus.forEach((word, index) => {
      this.#countWord(word, index, 1)
    })
    for (const key of this.#counts.keys()) this.#push(key)
  }

  takeMostFrequent(): Pair | null {
    for (let top = this.#pop(); top !== undefined; top = this.#pop()) {
      const count = this.#counts.get(top.key) ?? 0
      if (count === top.count && count > 1) return { left: Math.floor(top.key / base), right: top.key % base }
      if (count > 1 && count < top.count) this.#push(top.key)
    }
    return null
  }

  merge({ left, right }: Pair, merged: number): void {
    const touched = new Set<number>()
    for (const index of this.#where.get(left * base + right) ?? []) {
      const word = this.#words[index]
      if (word === undefined) continue
      this.#countWord(word, index, -1)
      replacePair(word.tokens, left, right, merged)
      this.#countWord(word, index, 1, touched)
    }
    this.#where.delete(left * base + right)
    for (const key of touched) this.#push(key)
  }

  #countWord({ tokens, count }: Word, index: number, sign: 1 | -1, touched?: Set<number>): void {
    for (let at = 0; at + 1 < tokens.length; at++) {
      const key = (tokens[at] ?? 0) * base + (tokens[at + 1] ?? 0)
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + sign * count)
      if (sign === -1) continue
      touched?.add(key)
      const where = this.#where.get(key)
      if (where === undefined) this.#where.set(key, new Set([index]))
      else where.add(index)
    }
  }

  #push(key: number): void {
    const entry = { count: this.#counts.get(key) ?? 0, key }
    const heap = this.#heap
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || above.count >= entry.count) break
      heap[at] = above
      at = parent
    }
    heap[at] = entry
  }

  #pop() {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if ((heap[child + 1]?.count ?? -1) > (heap[child]?.count ?? -1)) child++
      const below = heap[child]
      if (below === undefined || below.count <= last.count) break
      heap[at] = below
      at = child
    }
    heap[at] = last
    return top
  }
}

function replacePair(tokens: number[], left: number, right: number, merged: number): void {
  let kept = 0
  for (let at = 0; at < tokens.length; at++) {
    const pair = tokens[at] === left && tokens[at + 1] === right
    tokens[kept++] = pair ? merged : (tokens[at] ?? 0)
    if (pair) at++
  }
  tokens.length = kept
}
