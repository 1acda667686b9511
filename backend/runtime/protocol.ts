import type { FeatureId, Row, Sampled } from '../engine/runner.ts'
import type { Patches } from '../model/patches.ts'
import type { WarmUp } from './warm-up.ts'

/** What the engine's thread asks of the model's. Pixels are transferred; one call is answered at a time, in order. */
export type Call =
  | { readonly type: 'encode'; readonly patches: Patches; readonly features: FeatureId }
  | { readonly type: 'step'; readonly rows: readonly Row[] }

export type ToWorker =
  | (Call & { readonly call: number })
  | { readonly type: 'release'; readonly features: FeatureId }
  | { readonly type: 'close' }

export type FromWorker =
  | { readonly type: 'ready'; readonly model: ModelFacts }
  | { readonly type: 'done'; readonly call: number; readonly sampled: readonly (Sampled | null)[] }
  | { readonly type: 'failed'; readonly call: number; readonly error: unknown }

/** What is known once the model is loaded and warm. */
export interface ModelFacts extends WarmUp {
  readonly vocabSize: number
  readonly featureBytesPerToken: number
  readonly device: string
  readonly kvBytes: number
}
