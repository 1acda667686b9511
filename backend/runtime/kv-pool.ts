import { strict as assert } from 'node:assert'
import { type InferenceSession, Tensor } from 'onnxruntime-node'
import { decoderGraph } from '../model/graphs.ts'
import type { CacheRow, KvCache, PastTensors } from './kv-cache.ts'
import { floats, free } from './tensors.ts'

const { newKey, newValue } = decoderGraph.outputs

export interface KvShape {
  readonly layers: number
  readonly kvHeads: number
  readonly headSize: number
  readonly slots: number
  /** Entries a slot can hold, at most. */
  readonly capacity: number
}

/** Widths are multiples of this, and grow by at least a quarter: a sequence is moved a few times, not at every step. */
const widthStep = 64
const growth = 1.25
/** Entries a slot whose memory is touched at start: a page's first touch costs a step three times what moving it does. */
const touchedEntries = 256

/**
 * Keys and values of all slots, per layer f32 [slots, kvHeads, width, headSize], in memory for `capacity` entries a
 * slot. The slot is the outer axis, so neighbouring slots are one view that the decoder reads without a copy; only a
 * step's new rows are written. The operator's work follows the width (bench/attention), so the width follows the longest
 * sequence any slot holds: when it changes, all entries move.
 */
export class KvPool implements KvCache {
  readonly #shape: KvShape
  readonly #keys: readonly Float32Array<ArrayBuffer>[]
  readonly #values: readonly Float32Array<ArrayBuffer>[]
  readonly #views = new Map<string, readonly PastTensors[]>()
  /** Entries of every slot that mean something. */
  readonly #lengths: Int32Array
  #width: number

  /** @throws Error with one line when the memory is not there */
  constructor(shape: KvShape) {
    this.#shape = shape
    const { layers, slots, capacity } = shape
    this.#lengths = new Int32Array(slots)
    this.#width = this.#widthFor(1)
    try {
      const floats = KvPool.bytesOf(shape) / (2 * layers * Float32Array.BYTES_PER_ELEMENT)
      const touched = Math.ceil(floats * Math.min(1, touchedEntries / capacity))
      const allocate = () =>
        Array.from({ length: layers }, () => new Float32Array(floats).fill(0, 0, touched))
      this.#keys = allocate()
      this.#values = allocate()
    } catch (cause) {
      const size = `${(KvPool.bytesOf(shape) / 1e9).toFixed(1)} GB`
      throw new Error(`no memory for the KV cache: ${slots} slots of ${capacity} tokens take ${size}`, {
        cause,
      })
    }
  }

  /** Memory of a pool of this shape when all slots are full. */
  static bytesOf({ layers, kvHeads, headSize, slots, capacity }: KvShape): number {
    return 2 * layers * slots * kvHeads * capacity * headSize * Float32Array.BYTES_PER_ELEMENT
  }

  get bytes(): number {
    return KvPool.bytesOf(this.#shape)
  }

  /** Entries a slot has room for at present. */
  get width(): number {
    return this.#width
  }

  reserve(rows: readonly CacheRow[]): void {
    for (const { slot, start } of rows) this.#lengths[slot] = start
    const held = Math.max(...this.#lengths, ...rows.map(({ total }) => total))
    assert(held <= this.#shape.capacity, 'entries fit their slot')
    const width = this.#widthFor(held)
    if (held > this.#width || width * growth * growth < this.#width) this.#resize(width)
  }

  get outputs(): readonly string[] {
    return this.#keys.flatMap((_, layer) => [newKey(layer), newValue(layer)])
  }

  keep(results: InferenceSession.OnnxValueMapType, rows: readonly CacheRow[], first: number): void {
    const width = this.#shape.kvHeads * this.#shape.headSize
    for (let layer = 0; layer < this.#keys.length; layer++) {
      const [keys, values] = [floats(results, newKey(layer)), floats(results, newValue(layer))]
      for (const { slot, start, total } of rows) {
        const from = (slot - first) * (total - start) * width
        const to = from + (total - start) * width
        this.store(layer, slot, start, keys.subarray(from, to), values.subarray(from, to))
      }
      free(keys, values)
    }
  }

  wipe(rows: readonly Pick<CacheRow, 'slot' | 'start'>[]): void {
    const { kvHeads, headSize } = this.#shape
    for (const { slot, start } of rows) {
      for (let head = slot * kvHeads; head < (slot + 1) * kvHeads; head++) {
        const [from, to] = [(head * this.#width + start) * headSize, (head + 1) * this.#width * headSize]
        for (const pool of [...this.#keys, ...this.#values]) pool.fill(0, from, to)
      }
    }
  }

  release(): void {
    // Garbage collection does.
  }

  past(first: number, count: number): readonly PastTensors[] {
    const key = `${first}+${count}`
    let view = this.#views.get(key)
    if (view === undefined) {
      view = this.#keys.map((keys, layer) => {
        const values = this.#values[layer]
        assert(values !== undefined)
        return { key: this.#tensor(keys, first, count), value: this.#tensor(values, first, count) }
      })
      this.#views.set(key, view)
    }
    return view
  }

  /**
   * Writes one sequence's new entries of one layer, from `start` on; there must be room.
   * @param keys f32 [tokens, kvHeads · headSize], as `values`
   */
  store(layer: number, slot: number, start: number, keys: Float32Array, values: Float32Array): void {
    const { kvHeads, headSize } = this.#shape
    const tokens = keys.length / (kvHeads * headSize)
    assert(start + tokens <= this.#width, 'entries fit their slot')
    const [allKeys, allValues] = [this.#keys[layer], this.#values[layer]]
    assert(allKeys !== undefined && allValues !== undefined)
    for (let head = 0; head < kvHeads; head++) {
      const to = slot * this.#slotFloats + (head * this.#width + start) * headSize
      copyHead(keys, head * headSize, kvHeads * headSize, allKeys, to, headSize)
      copyHead(values, head * headSize, kvHeads * headSize, allValues, to, headSize)
    }
    this.#lengths[slot] = start + tokens
  }

  get #slotFloats(): number {
    return this.#shape.kvHeads * this.#width * this.#shape.headSize
  }

  #widthFor(entries: number): number {
    let width = widthStep
    while (width < entries) width = Math.ceil((width * growth) / widthStep) * widthStep
    return Math.min(width, this.#shape.capacity)
  }

  #resize(width: number): void {
    const { slots, kvHeads, headSize } = this.#shape
    const runs: { from: number; to: number; floats: number }[] = []
    for (let run = 0; run < slots * kvHeads; run++) {
      const floats = (this.#lengths[Math.floor(run / kvHeads)] ?? 0) * headSize
      runs.push({ from: run * this.#width * headSize, to: run * width * headSize, floats })
    }
    // Entries move in place: outwards the last go first, so that none is overwritten before it has moved.
    if (width > this.#width) runs.reverse()
    for (const pool of [...this.#keys, ...this.#values]) {
      for (const { from, to, floats } of runs) pool.copyWithin(to, from, from + floats)
    }
    this.#width = width
    this.#views.clear()
  }

  #tensor(pool: Float32Array<ArrayBuffer>, first: number, count: number): Tensor {
    const { kvHeads, headSize } = this.#shape
    const slots = pool.subarray(first * this.#slotFloats, (first + count) * this.#slotFloats)
    return new Tensor('float32', slots, [count, kvHeads, this.#width, headSize])
  }
}

/** Gathers one head's vectors, `stride` apart, into a row of their own. */
function copyHead(
  from: Float32Array,
  offset: number,
  stride: number,
  to: Float32Array,
  start: number,
  headSize: number,
): void {
  let at = start
  // Vectors of a hundred numbers: looking up a view of each to copy it costs several times the copying.
  for (let source = offset; source < from.length; source += stride) {
    for (let i = source; i < source + headSize; i++) to[at++] = from[i] as number // in bounds
  }
}
