import { z } from 'zod'

const size = z
  .int()
  .min(1)
  .max(2 ** 31 - 1)
const token = z.int().min(0)
const tokens = z.union([token, z.array(token)])
const silu = z.literal('silu').default('silu')
const sections = z.tuple([size, size, size])

const ropeType = z.literal('default', { error: 'only the default rotary embedding is supported' }).optional()

/** Newer files keep all of it in `rope_parameters`. */
const ropeParameters = z.object({
  rope_type: ropeType,
  rope_theta: z.number().positive(),
  mrope_section: sections,
  partial_rotary_factor: z.number().optional(),
})

/** Older files spread it over `rope_theta`, `rope_scaling` and `partial_rotary_factor`. */
const ropeScaling = z.object({ rope_type: ropeType, type: ropeType, mrope_section: sections })

const textConfigSchema = z.object({
  vocab_size: size,
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: size,
  head_dim: size.nullish(),
  hidden_act: silu,
  rms_norm_eps: z.number().positive().default(1e-5),
  attention_bias: z.boolean().nullish(),
  max_position_embeddings: size,
  eos_token_id: tokens.nullish(),
  rope_parameters: ropeParameters.nullish(),
  rope_theta: z.number().positive().nullish(),
  rope_scaling: ropeScaling.nullish(),
  partial_rotary_factor: z.number().nullish(),
})

const visionConfigSchema = z.object({
  depth: size,
  hidden_size: size,
  num_heads: size,
  intermediate_size: size,
  out_hidden_size: size,
  image_size: size,
  patch_size: size,
  temporal_patch_size: size.default(2),
  spatial_merge_size: size.default(2),
  in_channels: size.default(3),
  hidden_act: silu,
  rms_norm_eps: z.number().positive().default(1e-5),
  attention_bias: z.boolean().nullish(),
  rope_parameters: z.object({ rope_theta: z.number().positive().nullish() }).nullish(),
})

/** `config.json` of either architecture, in both generations of the hub's format. */
export const configSchema = z.object({
  model_type: z.enum(['glm4v', 'glm_ocr'], { error: 'only glm4v and glm_ocr are supported' }),
  text_config: textConfigSchema,
  vision_config: visionConfigSchema,
  image_token_id: token,
  image_start_token_id: token,
  image_end_token_id: token,
  eos_token_id: tokens.nullish(),
  tie_word_embeddings: z.boolean().default(false),
  /** Ours, and no part of the hub's format: see FrequencyDtype. */
  rotary_frequency_dtype: z.enum(['float32', 'bfloat16']).default('float32'),
})

const channels = z.tuple([z.number(), z.number(), z.number()])
/** The processor always does these; a file that switches one off describes another model. */
const always = z.literal(true, { error: 'must be true' }).default(true)

/** `preprocessor_config.json`; defaults are the reference's image processor's own. */
export const preprocessorSchema = z.object({
  size: z
    .object({ shortest_edge: size, longest_edge: size })
    .default({ shortest_edge: 112 * 112, longest_edge: 28 * 28 * 15_000 }),
  patch_size: size.default(14),
  temporal_patch_size: size.default(2),
  merge_size: size.default(2),
  image_mean: channels.default([0.48145466, 0.4578275, 0.40821073]),
  image_std: channels.default([0.26862954, 0.26130258, 0.27577711]),
  do_resize: always,
  do_rescale: always,
  do_normalize: always,
  resample: z.literal(3, { error: 'only 3 (bicubic) is supported' }).default(3),
})

/** `generation_config.json`. */
export const generationSchema = z.object({
  eos_token_id: tokens.nullish(),
  do_sample: z.boolean().nullish(),
  temperature: z.number().min(0).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.int().min(0).nullish(),
  repetition_penalty: z.number().positive().nullish(),
})

export type ConfigFile = z.infer<typeof configSchema>
export type PreprocessorFile = z.infer<typeof preprocessorSchema>
export type GenerationFile = z.infer<typeof generationSchema>
