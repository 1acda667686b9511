import type { ModelConfig } from '../model/model-config.ts'
import type { Architecture } from './architecture.ts'
import type { TensorSource } from './checkpoint/matrix.ts'
import { glmOcr } from './glm-ocr.ts'
import { glm4v } from './glm4v.ts'
import { Tensors } from './graphs/tensors.ts'
import { buildTextDecoder, type CacheHome } from './graphs/text-decoder.ts'
import { buildTokenEmbedding } from './graphs/token-embedding.ts'
import { buildVisionEncoder } from './graphs/vision-encoder.ts'
import type { WeightFormats } from './weights/weight-formats.ts'

const architectures = { glm4v, glm_ocr: glmOcr } as const satisfies Record<
  ModelConfig['architecture'],
  Architecture
>

/** Where graphs differ by the device they are for, besides their weights. */
export interface GraphForm {
  readonly cacheHome: CacheHome
  /** Of the vision encoder. */
  readonly plainAttention: boolean
}

/**
 * The three graphs of a model. Asks for every tensor it has, by name and shape; no weight is read yet.
 * @throws ModelFolderError when one is missing or of another shape.
 */
export function buildGraphs(
  config: ModelConfig,
  source: TensorSource,
  formats: WeightFormats,
  { cacheHome, plainAttention }: GraphForm = { cacheHome: 'host', plainAttention: false },
) {
  const architecture = architectures[config.architecture]
  const root = new Tensors(source, '')
  const visual = root.under('model.visual')
  const model = root.under('model.language_model')
  const headShape = [config.text.vocabSize, config.text.hiddenSize]
  const head = config.text.tiedEmbeddings
    ? model.weight('embed_tokens', headShape)
    : root.weight('lm_head', headShape)
  return {
    vision: buildVisionEncoder({
      config: config.vision,
      visual,
      format: formats.vision,
      variant: architecture.vision(config, visual),
      plainAttention,
    }),
    embed: buildTokenEmbedding(config.text, model, formats.embedding),
    decoder: buildTextDecoder(config.text, { model, head }, formats, cacheHome),
  }
}

/** Whether a tensor of the published files is no part of the model as the reference runs it. */
export function ignoresTensor(config: ModelConfig, name: string): boolean {
  // A tied head may still be in the file; the table stands for it.
  if (config.text.tiedEmbeddings && name === 'lm_head.weight') return true
  return architectures[config.architecture].ignores(name, config)
}
