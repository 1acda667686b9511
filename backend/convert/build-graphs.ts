import type { Device } from '../model/manifest.ts'
import type { ModelConfig } from '../model/model-config.ts'
import type { Architecture } from './architecture.ts'
import type { TensorSource } from './checkpoint/matrix.ts'
import { glmOcr } from './glm-ocr.ts'
import { glm4v } from './glm4v.ts'
import { buildSoftmax } from './graphs/softmax.ts'
import { Tensors } from './graphs/tensors.ts'
import { type AttentionForm, buildTextDecoder } from './graphs/text-decoder.ts'
import { buildTokenEmbedding } from './graphs/token-embedding.ts'
import { buildVisionEncoder } from './graphs/vision-encoder.ts'
import type { WeightFormats } from './weights/weight-formats.ts'

const architectures = { glm4v, glm_ocr: glmOcr } as const satisfies Record<
  ModelConfig['architecture'],
  Architecture
>

/** Where graphs differ by the device they are for, besides their weights. */
interface GraphForm extends AttentionForm {
  /** Of the vision encoder. */
  readonly plainAttention: boolean
}

/**
 * The binding keeps no outputs on a CUDA device, whose GroupQueryAttention takes no f32; for WebGPU see docs/adr/0021.
 */
export const graphForms = {
  cpu: { cacheHome: 'host', attentionType: 'f32', decodeApart: true, plainAttention: false },
  cuda: { cacheHome: 'host', attentionType: 'f16', decodeApart: false, plainAttention: false },
  webgpu: { cacheHome: 'device', attentionType: 'f32', decodeApart: false, plainAttention: true },
} as const satisfies Record<Device, GraphForm>

/**
 * The graphs of a model. Asks for every tensor it has, by name and shape; no weight is read yet.
 * @throws ModelFolderError when one is missing or of another shape.
 */
export function buildGraphs(
  config: ModelConfig,
  source: TensorSource,
  formats: WeightFormats,
  form: GraphForm = graphForms.cpu,
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
      plainAttention: form.plainAttention,
    }),
    embed: buildTokenEmbedding(config.text, model, formats.embedding),
    decoder: buildTextDecoder(config.text, { model, head }, formats, form),
    softmax: buildSoftmax(config.text),
  }
}

/** Whether a tensor of the published files is no part of the model as the reference runs it. */
export function ignoresTensor(config: ModelConfig, name: string): boolean {
  // A tied head may still be in the file; the table stands for it.
  if (config.text.tiedEmbeddings && name === 'lm_head.weight') return true
  return architectures[config.architecture].ignores(name, config)
}
