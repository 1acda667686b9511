import { softmaxGraph } from '../../model/graphs.ts'
import type { TextConfig } from '../../model/model-config.ts'
import { type BuiltGraph, GraphBuilder } from '../onnx/graph-builder.ts'

/** Rows of scores to probabilities, each row at its own temperature. Has no weights. */
export function buildSoftmax({ vocabSize }: Pick<TextConfig, 'vocabSize'>): BuiltGraph {
  const { inputs, outputs } = softmaxGraph
  const g = new GraphBuilder('softmax')
  const scores = g.input(inputs.scores, 'f32', ['R', vocabSize])
  const temperatures = g.input(inputs.temperatures, 'f32', ['R', 1])
  const probabilities = g.op('Softmax', [g.op('Div', [scores, temperatures])], { attributes: { axis: -1 } })
  g.output(outputs.probabilities, probabilities, 'f32', ['R', vocabSize])
  return g.build()
}
