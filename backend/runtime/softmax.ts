import { type InferenceSession, Tensor } from 'onnxruntime-node'
import { softmaxGraph } from '../model/graphs.ts'
import { floats } from './tensors.ts'

/**
 * Probabilities, f32 [rows, vocab], the caller's to free.
 * @param scores f32 [rows, vocab], only read
 * @param temperatures one a row, above 0
 */
export type Softmax = (scores: Float32Array, temperatures: readonly number[]) => Promise<Float32Array>

export function softmaxOf(session: InferenceSession): Softmax {
  const { inputs, outputs } = softmaxGraph
  return async (scores, temperatures) => {
    const rows = temperatures.length
    const feeds = {
      [inputs.scores]: new Tensor('float32', scores, [rows, scores.length / rows]),
      [inputs.temperatures]: new Tensor('float32', Float32Array.from(temperatures), [rows, 1]),
    }
    return floats(await session.run(feeds, [outputs.probabilities]), outputs.probabilities)
  }
}
