import { embedGraph } from '../../model/graphs.ts'
import type { TextConfig } from '../../model/model-config.ts'
import { type BuiltGraph, GraphBuilder } from '../onnx/graph-builder.ts'
import type { WeightFormat } from '../weights/weight-format.ts'
import type { Tensors } from './tensors.ts'

/** Token ids to rows of the embedding table. `model` are the tensors under `model.language_model.` */
export function buildTokenEmbedding(config: TextConfig, model: Tensors, format: WeightFormat): BuiltGraph {
  const g = new GraphBuilder('embed')
  const ids = g.input(embedGraph.inputs.ids, 'i64', ['S'])
  const table = model.weight('embed_tokens', [config.vocabSize, config.hiddenSize])
  const embeddings = format.embedding(g, ids, table)
  g.output(embedGraph.outputs.embeddings, embeddings, 'f32', ['S', config.hiddenSize])
  return g.build()
}
