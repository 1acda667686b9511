/**
 * What the converter writes and the runtime feeds: the inputs and outputs of the ONNX graphs, by name.
 * `S` new tokens of a row, `B` rows, `R` rows of logits wanted, `C` capacity of a slot, `N` patches, `d` head size.
 * All float tensors at a graph's border are float32 on CPU, whatever the precision of the weights inside.
 */
export const graphFiles = {
  vision: 'vision.onnx',
  embed: 'embed.onnx',
  decoder: 'decoder.onnx',
  softmax: 'softmax.onnx',
} as const

/** One picture a run. Patches come in merge-block order (glm4v: four consecutive rows are one 2×2 block). */
export const visionGraph = {
  inputs: {
    pixels: 'pixel_values', // f32 [N, channels · temporal · patch · patch]
    rotaryCos: 'rotary_cos', // f32 [N, d/2]: [row angles (d/4), column angles (d/4)]
    rotarySin: 'rotary_sin', // f32 [N, d/2]
    positionTaps: 'position_taps', // i64 [N, 16] rows of the learned position table (glm4v only)
    positionWeights: 'position_weights', // f32 [N, 16] their bicubic weights (glm4v only)
  },
  outputs: { features: 'image_features' }, // f32 [N / 4, hidden]
} as const

export const embedGraph = {
  inputs: { ids: 'input_ids' }, // i64 [S]
  outputs: { embeddings: 'embeddings' }, // f32 [S, hidden]
} as const

/**
 * Either one row of many tokens (prefill) or many rows of one token (decode). The caller owns the KV cache: `past` is
 * a view of it and is only read (what lies beyond a row's past is ignored, but must be finite numbers); the step's own keys and values come back as `newKey`/`newValue`, already rotated.
 */
export const decoderGraph = {
  inputs: {
    embeddings: 'embeddings', // f32 [B, S, hidden]
    rotaryCos: 'rotary_cos', // f32 [B · S, rotary/2]: three-axis angles, sections already picked
    rotarySin: 'rotary_sin', // f32 [B · S, rotary/2]
    rotaryRows: 'rotary_rows', // i64 [B, S]: 0 … B·S − 1
    // i64 [R], R ≥ 1: which of the B·S positions get logits. A step that wants none asks for row 0 and does not fetch
    // them: several operators refuse empty tensors.
    logitRows: 'logit_rows',
    totalMinusOne: 'seqlens_k', // i32 [B]: past length + S − 1, per row
    maxTotal: 'total_sequence_length', // i32 scalar: the longest past length + S
    pastKey: (layer: number) => `past_key.${layer}`, // f32 [B, kvHeads, C, d]
    pastValue: (layer: number) => `past_value.${layer}`, // f32 [B, kvHeads, C, d]
  },
  outputs: {
    logits: 'logits', // f32 [R, vocab]
    newKey: (layer: number) => `new_key.${layer}`, // f32 [B, S, kvHeads · d]
    newValue: (layer: number) => `new_value.${layer}`, // f32 [B, S, kvHeads · d]
    // Where the cache lives on the device (webgpu), instead: the whole of it after the step, f32 [B, kvHeads, C, d].
    presentKey: (layer: number) => `present_key.${layer}`,
    presentValue: (layer: number) => `present_value.${layer}`,
  },
} as const

/** Scores to probabilities, on the CPU whatever the device (docs/adr/0024). */
export const softmaxGraph = {
  inputs: {
    scores: 'scores', // f32 [R, vocab]
    temperatures: 'temperatures', // f32 [R, 1], above 0
  },
  // f32 [R, vocab]; of −Infinity at most e^−80, not always 0. Of a row that holds no finite score it means nothing.
  outputs: { probabilities: 'probabilities' },
} as const
