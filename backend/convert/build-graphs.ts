import type { ModelConfig } from '../model/model-config.ts'
import type { Architecture } from './architecture.ts'
import type { Checkpoint } from './checkpoint/checkpoint.ts'
import { glmOcr } from './glm-ocr.ts'
import { glm4v } from './glm4v.ts'
import { Tensors } from './graphs/tensors.ts'
import { buildTextDecoder } from './graphs/text-decoder.ts'
import { buildTokenEmbedding } from './graphs/token-embedding.ts'
import { buildVisionEncoder } from './graphs/vision-encoder.ts'
import type { WeightFormats } from './weights/weight-formats.ts'

const architectures = { glm4v, glm_ocr: glmOcr } as const satisfies Record<
  ModelConfig['architecture'],
  Architecture
>

/**
 * The three graphs of a model. Every tensor's name and shape is checked here; no weight is read yet.
 * @throws ModelFolderError when the checkpoint is not exactly this architecture and configuration.
 */
export function buildGraphs(config: ModelConfig, checkpoint: Checkpoint, formats: WeightFormats) {
  const architecture = architectures[config.architecture]
  const root = new Tensors(checkpoint, '')
  const visual = root.under('model.visual')
  const model = root.under('model.language_model')
  const headShape = [config.text.vocabSize, config.text.hiddenSize]
  const head = config.text.tiedEmbeddings
    ? model.weight('embed_tokens', headShape)
    : root.weight('lm_head', headShape)
  const graphs = {
    vision: buildVisionEncoder({
      config: config.vision,
      visual,
      format: formats.vision,
      variant: architecture.vision(config, visual),
    }),
    embed: buildTokenEmbedding(config.text, model, formats.embedding),
    decoder: buildTextDecoder(config.text, { model, head }, formats),
  }
  checkpoint.assertAllUsed(
    // A tied head may still be in the file; the table stands for it.
    (name) => architecture.ignores(name, config) || (config.text.tiedEmbeddings && name === 'lm_head.weight'),
  )
  return graphs
}
