import type { Patches } from '../model/patches.ts'

/**
 * The only seam between the engine and the model. A step is rows: *feed these tokens (or image features) at this
 * position of this slot; sample if asked*. The engine knows tokens and slots; tensors stay behind this interface.
 */
export interface ModelRunner {
  /** KV slots, each `maxLength` tokens long. */
  readonly slots: number
  readonly maxLength: number
  readonly vocabSize: number
  /** What one image token's features weigh while the runner keeps them. */
  readonly featureBytesPerToken: number
  /** Runs the vision encoder on one picture and keeps the result under `features`. Takes ownership of `patches.pixels`. */
  encode(patches: Patches, features: FeatureId): Promise<void>
  /** Forgets features that no row will ask for again. Never throws, not even when the runner is lost. */
  release(features: FeatureId): void
  /**
   * Either one row of one or more tokens (prefill) or several rows of one token each (decode). Answers per row, in
   * order; null where the row did not ask for a sample. A rejected step has changed no entry
   * below its rows' `start`, so a row may be sent again.
   * @throws RunnerLostError when nothing this runner held can be used again; any other error is about this step alone
   */
  step(rows: readonly Row[]): Promise<readonly (Sampled | null)[]>
  /** Resolves, with the reason, when the runner is gone: also between steps, where no call would tell. */
  readonly lost: Promise<RunnerLostError>
  /** Ends the runner once the step in flight is over; calls that wait are rejected. Closing twice is fine. */
  close(): Promise<void>
}

/** The runner is gone, and with it every slot and every picture's features. Only a new runner helps. */
export class RunnerLostError extends Error {
  override readonly name = 'RunnerLostError'
}

/** Names a picture's features in the runner; chosen by the engine, unique while held. */
export type FeatureId = string

export interface Row {
  readonly slot: number
  /** Cache position of the first token: the slot holds this many valid entries before the step. */
  readonly start: number
  readonly tokens: readonly number[]
  /** i32 [3, tokens.length], axis by axis: temporal, height, width. */
  readonly positions: Int32Array
  /** Which of the tokens take their embedding from a picture instead of the table. */
  readonly images: readonly ImageSpan[]
  /** null: feed only (a prompt's chunk that is not its last). */
  readonly sampling: RowSampling | null
}

export interface ImageSpan {
  /** Index within the row's tokens of the span's first. */
  readonly offset: number
  readonly count: number
  readonly features: FeatureId
  /** First row of the features used. */
  readonly from: number
}

export interface RowSampling {
  /** 0 is greedy. */
  readonly temperature: number
  /** 1 keeps all. */
  readonly topP: number
  /** 0 keeps all. */
  readonly topK: number
  /** 1 is none. Divides or multiplies the logits of every token in the prompt and the answer (Keskar et al. 2019). */
  readonly repetitionPenalty: number
  /** OpenAI's two: subtracted once per distinct, and once per occurrence of, a token of the answer. 0 is none. */
  readonly presencePenalty: number
  readonly frequencyPenalty: number
  /** Tokens of the slot that are prompt; what follows is the answer. */
  readonly promptLength: number
  /** With the token's cache position it decides the draw: same seed, same answer, whoever shares the batch. */
  readonly seed: number
  /** Bit i of the words, lowest first, allows token i; null allows all. */
  readonly allowed: Uint32Array<ArrayBuffer> | null
  /** How many of the likeliest tokens to report beside the chosen one's logprob; null: no logprobs at all. */
  readonly logprobs: number | null
}

export interface Sampled {
  readonly token: number
  readonly logprobs: TokenLogprobs | null
}

/** Natural logarithms of the model's own distribution: before penalties, temperature and masks. */
export interface TokenLogprobs {
  readonly chosen: number
  /** Likeliest first. */
  readonly top: readonly { readonly token: number; readonly logprob: number }[]
}
