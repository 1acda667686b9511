/** Index of the largest value, the first of equals; -1 when none is a number above -Infinity. */
export function largest(values: Float32Array): number {
  let index = -1
  let best = Number.NEGATIVE_INFINITY
  const count = values.length
  for (let i = 0; i < count; i++) {
    const value = values[i] as number // in bounds
    if (value > best) {
      best = value
      index = i
    }
  }
  return index
}

/** Indices of the `count` largest values above -Infinity, largest first, of equals the first. One pass, O(n log count). */
export function largestIndices(values: Float32Array, count: number): Int32Array {
  // A heap of the best so far, its worst on top.
  const heap = new Int32Array(Math.min(count, values.length))
  let size = 0
  let floor = Number.NEGATIVE_INFINITY
  const isWorse = (a: number, b: number) => {
    const [first, second] = [values[a] as number, values[b] as number] // in bounds
    return first !== second ? first < second : a > b
  }
  const end = heap.length > 0 ? values.length : 0
  for (let i = 0; i < end; i++) {
    if (!((values[i] as number) > floor)) continue // of equals the first stays; in bounds
    if (size < heap.length) siftUp(heap, size++, i, isWorse)
    else siftDown(heap, i, isWorse)
    if (size === heap.length) floor = values[heap[0] as number] as number // the heap is full
  }
  return heap.slice(0, size).sort((a, b) => (isWorse(a, b) ? 1 : -1))
}

function siftUp(
  heap: Int32Array,
  hole: number,
  item: number,
  isWorse: (a: number, b: number) => boolean,
): void {
  let at = hole
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = heap[parent] as number // in bounds
    if (!isWorse(item, above)) break
    heap[at] = above
    at = parent
  }
  heap[at] = item
}

function siftDown(heap: Int32Array, item: number, isWorse: (a: number, b: number) => boolean): void {
  let at = 0
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    const right = child + 1
    if (right < heap.length && isWorse(heap[right] as number, heap[child] as number)) child = right
    const below = heap[child] as number // in bounds
    if (!isWorse(below, item)) break
    heap[at] = below
    at = child
  }
  heap[at] = item
}

/** Entries above `least` and the first `ties` of those equal to it. */
export interface Cut {
  readonly least: number
  readonly ties: number
}

/**
 * Where the smallest set of largest weights ends that holds at least `mass` of their sum: a quickselect by mass, O(n) on
 * average.
 * @param weights reordered
 */
export function massCut(weights: Float64Array, mass: number): Cut {
  let [from, to, missing] = [0, weights.length, mass]
  let least = 0
  while (from < to) {
    const pivot = medianOfThree(weights, from, to)
    const parts = partition(weights, from, to, pivot)
    if (parts.massAbove >= missing) {
      to = parts.equalFrom
      continue
    }
    const equal = parts.belowFrom - parts.equalFrom
    if (parts.massAbove + equal * pivot >= missing) {
      const ties = Math.ceil((missing - parts.massAbove) / pivot)
      return { least: pivot, ties: Math.min(Math.max(ties, 1), equal) }
    }
    missing -= parts.massAbove + equal * pivot
    least = pivot
    from = parts.belowFrom
  }
  // Rounding left a trifle missing: everything down to the last entry looked at belongs.
  return { least, ties: weights.length }
}

/** Puts larger entries first, equal ones next, smaller ones last. */
function partition(weights: Float64Array, from: number, to: number, pivot: number) {
  let [equalFrom, belowFrom, massAbove] = [from, to, 0]
  for (let i = from; i < belowFrom; ) {
    const weight = weights[i] as number // in bounds
    if (weight > pivot) {
      massAbove += weight
      weights[i++] = weights[equalFrom] as number
      weights[equalFrom++] = weight
    } else if (weight < pivot) {
      weights[i] = weights[--belowFrom] as number
      weights[belowFrom] = weight
    } else i++
  }
  return { equalFrom, belowFrom, massAbove }
}

function medianOfThree(weights: Float64Array, from: number, to: number): number {
  const a = weights[from] as number // in bounds, as the two below
  const b = weights[(from + to) >> 1] as number
  const c = weights[to - 1] as number
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))
}
