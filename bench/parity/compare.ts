import assert from 'node:assert/strict'

/** Largest absolute difference over the range of the expected values. */
export function relativeDifference(actual: Float32Array, expected: Float32Array): number {
  assert.equal(actual.length, expected.length, 'as many values as expected')
  let [largest, low, high] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  expected.forEach((value, i) => {
    // A NaN stays NaN to the end: it must not look like agreement.
    largest = Math.max(largest, Math.abs((actual[i] ?? Number.NaN) - value))
    low = Math.min(low, value)
    high = Math.max(high, value)
  })
  return largest / (high - low)
}

/** Per row of `vocab` logits: the index of the largest, and how far it is ahead of the second over the row's range. */
export function winners(logits: Float32Array, vocab: number) {
  return Array.from({ length: logits.length / vocab }, (_, row) => {
    const sorted = [...logits.subarray(row * vocab, (row + 1) * vocab).entries()].sort((a, b) => b[1] - a[1])
    const [first = [0, 0], second = [0, 0]] = sorted
    const last = sorted.at(-1)?.[1] ?? 0
    return { token: first[0], margin: (first[1] - second[1]) / (first[1] - last) }
  })
}
