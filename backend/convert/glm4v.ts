import { visionGraph } from '../model/graphs.ts'
import type { ModelConfig } from '../model/model-config.ts'
import type { Architecture } from './architecture.ts'
import { rmsNorm } from './graphs/layers.ts'
import type { Tensors } from './graphs/tensors.ts'
import type { VisionVariant } from './graphs/vision-encoder.ts'
import type { GraphBuilder } from './onnx/graph-builder.ts'
import { floatWeights } from './weights/float-weights.ts'

/** GLM-4.1V and GLM-4.6V-Flash: learned positions in the vision encoder, on top of the rotary ones. */
export const glm4v: Architecture = {
  ignores: () => false,
  vision:
    ({ vision }, visual) =>
    (g) =>
      learnedPositions(g, vision, visual),
}

/** A norm after the patch embedding, then the position table resampled to the picture's grid. */
function learnedPositions(g: GraphBuilder, config: ModelConfig['vision'], visual: Tensors): VisionVariant {
  const taps = g.input(visionGraph.inputs.positionTaps, 'i64', ['N', 16])
  const tapWeights = g.input(visionGraph.inputs.positionWeights, 'f32', ['N', 16])
  const { hiddenSize, positionTableSide, rmsNormEps } = config
  return {
    afterPatchEmbedding(g, x) {
      const normed = rmsNorm(g, x, visual.weight('post_conv_layernorm', [hiddenSize]), rmsNormEps)
      const entries = positionTableSide ** 2
      const table = visual.weight('embeddings.position_embedding', [entries, hiddenSize])
      // As a product with the table: gathering 16 rows a patch would take 16 times the picture's own memory.
      const shape = g.op(
        'Concat',
        [g.op('Shape', [taps], { attributes: { start: 0, end: 1 } }), g.constant('i64', [entries])],
        { attributes: { axis: 0 } },
      )
      const zeros = g.op('Expand', [g.constant('f32', [0]), shape])
      const mixing = g.op('ScatterElements', [zeros, taps, tapWeights], {
        attributes: { axis: 1, reduction: 'add' },
      })
      const positions = g.op('MatMul', [mixing, floatWeights(g, table, [entries, hiddenSize])])
      return g.op('Add', [normed, positions])
    },
    normHeads: (_, x) => x,
  }
}
