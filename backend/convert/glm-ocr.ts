import type { ModelConfig } from '../model/model-config.ts'
import type { Architecture } from './architecture.ts'
import { reshape, rmsNorm } from './graphs/layers.ts'
import type { VisionVariant } from './graphs/vision-encoder.ts'

/** GLM-OCR: no learned positions; queries and keys of the vision encoder are normalised per head. */
export const glmOcr: Architecture = {
  // The layers after the last predict several tokens at once; the reference leaves them out as well.
  ignores: (name, { text }) =>
    Number(/^model\.language_model\.layers\.(\d+)\./.exec(name)?.[1] ?? -1) >= text.layers,
  vision:
    ({ vision }) =>
    () =>
      headNorms(vision),
}

function headNorms({ headSize, hiddenSize, rmsNormEps }: ModelConfig['vision']): VisionVariant {
  return {
    afterPatchEmbedding: (_, x) => x,
    normHeads(g, x, block, which) {
      const heads = reshape(g, x, [-1, hiddenSize / headSize, headSize])
      return rmsNorm(g, heads, block.weight(`attn.${which}`, [headSize]), rmsNormEps)
    },
  }
}
