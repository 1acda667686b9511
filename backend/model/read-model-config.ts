import {
  type ConfigFile,
  configSchema,
  type GenerationFile,
  generationSchema,
  type PreprocessorFile,
  preprocessorSchema,
} from './config-schema.ts'
import type {
  FrequencyDtype,
  GenerationDefaults,
  ModelConfig,
  PreprocessorConfig,
  TextConfig,
  VisionConfig,
} from './model-config.ts'
import { ModelFolderError } from './model-folder-error.ts'
import { readJson, readOptionalJson } from './read-json.ts'

/** The configuration files of a model folder, converted or as the hub publishes it. */
export const configFiles = {
  config: 'config.json',
  preprocessor: 'preprocessor_config.json',
  generation: 'generation_config.json',
} as const

/**
 * Reads `config.json`, `preprocessor_config.json` and, if there is one, `generation_config.json`.
 * @throws ModelFolderError with one line that names the file and the field.
 */
export async function readModelConfig(dir: string): Promise<ModelConfig> {
  const file = await readJson(dir, configFiles.config, configSchema)
  const preprocessor = await readJson(dir, configFiles.preprocessor, preprocessorSchema)
  const generation = await readOptionalJson(dir, configFiles.generation, generationSchema)
  const vision = visionConfig(file)
  return {
    architecture: file.model_type,
    text: textConfig(file),
    vision,
    tokens: {
      image: file.image_token_id,
      imageStart: file.image_start_token_id,
      imageEnd: file.image_end_token_id,
      eos: eosTokens(file, generation),
    },
    preprocessor: preprocessorConfig(preprocessor, vision),
    generation: generationDefaults(generation),
  }
}

function textConfig(file: ConfigFile): TextConfig {
  const text = file.text_config
  const heads = text.num_attention_heads
  const kvHeads = text.num_key_value_heads
  const headSize = text.head_dim ?? text.hidden_size / heads
  if (heads % kvHeads !== 0)
    refuse('text_config.num_key_value_heads', `${kvHeads} does not divide ${heads} heads`)
  // GroupQueryAttention needs head sizes in multiples of 8.
  if (headSize % 8 !== 0) refuse('text_config.head_dim', `${headSize} is not a multiple of 8`)
  return {
    vocabSize: text.vocab_size,
    hiddenSize: text.hidden_size,
    intermediateSize: text.intermediate_size,
    layers: text.num_hidden_layers,
    heads,
    kvHeads,
    headSize,
    rmsNormEps: text.rms_norm_eps,
    attentionBias: text.attention_bias ?? file.model_type === 'glm4v',
    tiedEmbeddings: file.tie_word_embeddings,
    maxPositions: text.max_position_embeddings,
    rope: ropeConfig(file, headSize),
  }
}

function ropeConfig(file: ConfigFile, headSize: number): TextConfig['rope'] {
  const text = file.text_config
  const theta = text.rope_parameters?.rope_theta ?? text.rope_theta
  const sections = text.rope_parameters?.mrope_section ?? text.rope_scaling?.mrope_section
  if (theta == null) return refuse('text_config.rope_parameters.rope_theta', 'is missing')
  if (sections == null) return refuse('text_config.rope_parameters.mrope_section', 'is missing')
  // The sections say how many dimensions rotate; the factor, where given, has to agree.
  const rotaryDim = 2 * sections.reduce((sum, count) => sum + count, 0)
  const factor = text.rope_parameters?.partial_rotary_factor ?? text.partial_rotary_factor
  const wanted = factor == null ? rotaryDim : Math.trunc(headSize * factor)
  if (wanted !== rotaryDim || rotaryDim > headSize) {
    refuse('text_config.rope_parameters.mrope_section', `covers ${rotaryDim} of ${wanted} rotary dimensions`)
  }
  return { theta, rotaryDim, sections, frequencyDtype: frequencyDtype(file) }
}

function frequencyDtype(file: ConfigFile): FrequencyDtype {
  return file.rotary_frequency_dtype === 'bfloat16' ? 'bf16' : 'f32'
}

function visionConfig(file: ConfigFile): VisionConfig {
  const vision = file.vision_config
  const headSize = vision.hidden_size / vision.num_heads
  // Row and column angles each take half of the half head.
  if (headSize % 4 !== 0)
    refuse('vision_config.num_heads', `gives a head size of ${headSize}, not a multiple of 4`)
  const learnedPositions = file.model_type === 'glm4v'
  if (learnedPositions && vision.image_size % vision.patch_size !== 0) {
    refuse(
      'vision_config.image_size',
      `${vision.image_size} is not a multiple of patch_size ${vision.patch_size}`,
    )
  }
  return {
    depth: vision.depth,
    hiddenSize: vision.hidden_size,
    heads: vision.num_heads,
    headSize,
    // The reference's glm4v class builds its blocks with out_hidden_size and its merger with intermediate_size.
    mlpSize: learnedPositions ? vision.out_hidden_size : vision.intermediate_size,
    mergerSize: learnedPositions ? vision.intermediate_size : vision.out_hidden_size * vision.in_channels,
    outHiddenSize: vision.out_hidden_size,
    patchSize: vision.patch_size,
    temporalPatchSize: vision.temporal_patch_size,
    mergeSize: vision.spatial_merge_size,
    channels: vision.in_channels,
    rmsNormEps: vision.rms_norm_eps,
    ropeTheta: vision.rope_parameters?.rope_theta ?? 10_000,
    ropeFrequencyDtype: frequencyDtype(file),
    positionTableSide: learnedPositions ? vision.image_size / vision.patch_size : 0,
    attentionBias: vision.attention_bias ?? !learnedPositions,
  }
}

function eosTokens(file: ConfigFile, generation: GenerationFile | null) {
  const eos = generation?.eos_token_id ?? file.text_config.eos_token_id ?? file.eos_token_id
  if (eos == null)
    return refuse('text_config.eos_token_id', 'is missing, and generation_config.json names none')
  return typeof eos === 'number' ? [eos] : eos
}

function preprocessorConfig(file: PreprocessorFile, vision: VisionConfig): PreprocessorConfig {
  const pairs = [
    ['patch_size', file.patch_size, vision.patchSize],
    ['temporal_patch_size', file.temporal_patch_size, vision.temporalPatchSize],
    ['merge_size', file.merge_size, vision.mergeSize],
  ] as const
  for (const [field, value, expected] of pairs) {
    if (value === expected) continue
    throw new ModelFolderError(
      configFiles.preprocessor,
      `${field}: ${value}, but config.json has ${expected}`,
    )
  }
  return {
    patchSize: file.patch_size,
    temporalPatchSize: file.temporal_patch_size,
    mergeSize: file.merge_size,
    minPixels: file.size.shortest_edge,
    maxPixels: file.size.longest_edge,
    mean: file.image_mean,
    std: file.image_std,
  }
}

function generationDefaults(file: GenerationFile | null): GenerationDefaults {
  return {
    doSample: file?.do_sample ?? null,
    temperature: file?.temperature ?? null,
    topP: file?.top_p ?? null,
    topK: file?.top_k ?? null,
    repetitionPenalty: file?.repetition_penalty ?? null,
  }
}

function refuse(field: string, problem: string): never {
  throw new ModelFolderError(configFiles.config, `${field}: ${problem}`)
}
