import { strict as assert } from 'node:assert'
import type { InferenceSession } from 'onnxruntime-node'

/** An f32 output of a run; the binding copied it, so it is the caller's. */
export function floats(results: InferenceSession.OnnxValueMapType, name: string): Float32Array {
  const data = results[name]?.data
  assert(data instanceof Float32Array, `${name} is an f32 output`)
  return data
}

/**
 * Gives back the memory of outputs that nobody reads any more; they are empty afterwards. Left to the collector, every
 * 64 MB of them would start it on the whole heap.
 */
export function free(...outputs: readonly Float32Array[]): void {
  for (const { buffer } of outputs) if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
