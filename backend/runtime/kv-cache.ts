import type { InferenceSession, Tensor } from 'onnxruntime-node'

/** One row's part of a step: the slot keeps its first `start` entries and holds `total` afterwards. */
export interface CacheRow {
  readonly slot: number
  readonly start: number
  readonly total: number
}

/** What one layer's attention reads of the slots in a step, f32 [count, kvHeads, C, headSize] each; borrowed. */
export interface PastTensors {
  readonly key: Tensor
  readonly value: Tensor
}

/** Where keys and values stay between steps. */
export interface KvCache {
  readonly bytes: number
  /** Outputs of the decoder that `keep` wants. */
  readonly outputs: readonly string[]
  /** Makes room for a step. */
  reserve(rows: readonly CacheRow[]): void
  /** Per layer, slots `first` to `first + count - 1`. */
  past(first: number, count: number): readonly PastTensors[]
  /** Takes in what the step has computed, which is the cache's from now on; its lanes are slots from `first` on. */
  keep(results: InferenceSession.OnnxValueMapType, rows: readonly CacheRow[], first: number): void
  /**
   * Clears what the rows' slots hold from their starts on, after a step that came to no numbers: attention multiplies
   * even what it ignores by zero, and would carry them into whatever these slots hold next.
   */
  wipe(rows: readonly Pick<CacheRow, 'slot' | 'start'>[]): void
  /** Gives device memory back. */
  release(): void
}
