/** What a model folder says about its model, normalised over both generations of the hub's format. */
export interface ModelConfig {
  readonly architecture: 'glm4v' | 'glm_ocr'
  readonly text: TextConfig
  readonly vision: VisionConfig
  readonly tokens: {
    readonly image: number
    readonly imageStart: number
    readonly imageEnd: number
    /** Generation ends on any of these: generation_config's, else text_config's. */
    readonly eos: readonly number[]
  }
  readonly preprocessor: PreprocessorConfig
  readonly generation: GenerationDefaults
}

export interface TextConfig {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
  readonly rmsNormEps: number
  /** Bias on q, k and v (glm4v). */
  readonly attentionBias: boolean
  /** The LM head is the embedding table. */
  readonly tiedEmbeddings: boolean
  readonly maxPositions: number
  readonly rope: {
    readonly theta: number
    /** Leading dimensions of a head that rotate; the rest pass through. */
    readonly rotaryDim: number
    /** Frequencies that follow the temporal, height and width axis; their sum is rotaryDim / 2. */
    readonly sections: readonly [number, number, number]
    readonly frequencyDtype: FrequencyDtype
  }
}

/**
 * What the rotary frequencies are rounded to. Published models are run with f32 whatever the dtype of their weights;
 * a reference whose whole module was cast to bfloat16 rounded them too (`rotary_frequency_dtype` in config.json).
 */
export type FrequencyDtype = 'f32' | 'bf16'

export interface VisionConfig {
  readonly depth: number
  readonly hiddenSize: number
  readonly heads: number
  readonly headSize: number
  /** Width of a block's MLP: out_hidden_size in glm4v, intermediate_size in glm_ocr. */
  readonly mlpSize: number
  /** Width of the merger's gated MLP. */
  readonly mergerSize: number
  readonly outHiddenSize: number
  readonly patchSize: number
  readonly temporalPatchSize: number
  readonly mergeSize: number
  readonly channels: number
  readonly rmsNormEps: number
  readonly ropeTheta: number
  readonly ropeFrequencyDtype: FrequencyDtype
  /** Side of the learned position table (glm4v), 0 where there is none (glm_ocr). */
  readonly positionTableSide: number
  readonly attentionBias: boolean
}

export interface PreprocessorConfig {
  readonly patchSize: number
  readonly temporalPatchSize: number
  readonly mergeSize: number
  /** Bounds on temporalPatchSize · height · width after resizing, in pixels (the reference's shortest/longest_edge). */
  readonly minPixels: number
  readonly maxPixels: number
  /** Per channel RGB, of values in 0…1. */
  readonly mean: readonly [number, number, number]
  readonly std: readonly [number, number, number]
}

/** Sampling a request leaves open. `null`: the model does not say. */
export interface GenerationDefaults {
  readonly doSample: boolean | null
  readonly temperature: number | null
  readonly topP: number | null
  readonly topK: number | null
  readonly repetitionPenalty: number | null
}
