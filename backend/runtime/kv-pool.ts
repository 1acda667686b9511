import { strict as assert } from 'node:assert'
import { Tensor } from 'onnxruntime-node'

export interface KvShape {
  readonly layers: number
  readonly kvHeads: number
  readonly headSize: number
  readonly slots: number
  /** Entries a slot holds. */
  readonly capacity: number
}

/** What one layer's attention reads of the slots in a step, f32 [count, kvHeads, capacity, headSize] each; borrowed. */
export interface PastTensors {
  readonly key: Tensor
  readonly value: Tensor
}

/**
 * Keys and values of all slots, per layer f32 [slots, kvHeads, capacity, headSize]. The slot is the outer axis, so
 * neighbouring slots are one view that the decoder reads without a copy; only a step's new rows are ever written.
 */
export class KvPool {
  readonly #shape: KvShape
  readonly #keys: readonly Float32Array<ArrayBuffer>[]
  readonly #values: readonly Float32Array<ArrayBuffer>[]
  readonly #views = new Map<string, readonly PastTensors[]>()

  /** @throws Error with one line when the memory is not there */
  constructor(shape: KvShape) {
    this.#shape = shape
    const { layers, slots, capacity } = shape
    try {
      const allocate = () => Array.from({ length: layers }, () => new Float32Array(slots * this.#slotFloats))
      this.#keys = allocate()
      this.#values = allocate()
    } catch (cause) {
      const size = `${(this.bytes / 1e9).toFixed(1)} GB`
      throw new Error(`no memory for the KV cache: ${slots} slots of ${capacity} tokens take ${size}`, {
        cause,
      })
    }
  }

  get bytes(): number {
    return 2 * this.#shape.layers * this.#shape.slots * this.#slotFloats * Float32Array.BYTES_PER_ELEMENT
  }

  /** Per layer, slots `first` to `first + count - 1`. */
  view(first: number, count: number): readonly PastTensors[] {
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
   * Writes one sequence's new entries of one layer, `tokens` of them from `start` on.
   * @param keys f32 [tokens, kvHeads · headSize], as `values`
   */
  store(layer: number, slot: number, start: number, keys: Float32Array, values: Float32Array): void {
    const { kvHeads, headSize, capacity } = this.#shape
    const tokens = keys.length / (kvHeads * headSize)
    assert(start + tokens <= capacity, 'entries fit their slot')
    const [allKeys, allValues] = [this.#keys[layer], this.#values[layer]]
    assert(allKeys !== undefined && allValues !== undefined)
    for (let head = 0; head < kvHeads; head++) {
      const to = slot * this.#slotFloats + (head * capacity + start) * headSize
      copyHead(keys, head * headSize, kvHeads * headSize, allKeys, to, headSize)
      copyHead(values, head * headSize, kvHeads * headSize, allValues, to, headSize)
    }
  }

  get #slotFloats(): number {
    const { kvHeads, headSize, capacity } = this.#shape
    return kvHeads * capacity * headSize
  }

  #tensor(pool: Float32Array<ArrayBuffer>, first: number, count: number): Tensor {
    const { kvHeads, headSize, capacity } = this.#shape
    const slots = pool.subarray(first * this.#slotFloats, (first + count) * this.#slotFloats)
    return new Tensor('float32', slots, [count, kvHeads, capacity, headSize])
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
  for (let source = offset; source < from.length; source += stride, at += headSize) {
    for (let i = 0; i < headSize; i++) to[at + i] = from[source + i] as number // in bounds
  }
}
