import { strict as assert } from 'node:assert'
import { type InferenceSession, Tensor } from 'onnxruntime-node'
import { decoderGraph } from '../model/graphs.ts'
import type { KvCache, PastTensors } from './kv-cache.ts'
import { KvPool, type KvShape } from './kv-pool.ts'

const { presentKey, presentValue } = decoderGraph.outputs

/**
 * The cache of a single slot on the device: what a step returns is what the next one reads, and never leaves it. A step
 * that fails has returned nothing, so the last cache still stands.
 */
export class DeviceCache implements KvCache {
  /** While a step runs the device holds the cache it reads and the one it writes. */
  readonly bytes: number
  readonly outputs: readonly string[]
  #past: readonly PastTensors[]

  constructor(shape: KvShape) {
    assert(shape.slots === 1, 'a cache on the device has one slot')
    const { layers, kvHeads, headSize, capacity } = shape
    const layerNumbers = Array.from({ length: layers }, (_, layer) => layer)
    this.bytes = 2 * KvPool.bytesOf(shape)
    this.outputs = layerNumbers.flatMap((layer) => [presentKey(layer), presentValue(layer)])
    const empty = () => {
      const zeros = new Float32Array(kvHeads * capacity * headSize)
      return new Tensor('float32', zeros, [1, kvHeads, capacity, headSize])
    }
    this.#past = layerNumbers.map(() => ({ key: empty(), value: empty() }))
  }

  reserve(): void {
    // All of the context's entries have their room from the start.
  }

  past(): readonly PastTensors[] {
    return this.#past
  }

  keep(results: InferenceSession.OnnxValueMapType): void {
    const read = this.#past
    this.#past = read.map((_, layer) => {
      const [key, value] = [results[presentKey(layer)], results[presentValue(layer)]]
      assert(key !== undefined && value !== undefined, 'the step has returned its cache')
      return { key, value }
    })
    dispose(read)
  }

  wipe(): void {
    // The fused operator never looks at what it ignores.
  }

  release(): void {
    dispose(this.#past)
    this.#past = []
  }
}

function dispose(tensors: readonly PastTensors[]): void {
  for (const { key, value } of tensors) {
    key.dispose()
    value.dispose()
  }
}
