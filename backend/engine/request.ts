import type { Patches } from '../model/patches.ts'
import type { Caller } from './caller.ts'
import type { TokenLogprobs } from './runner.ts'

/** One answer to generate. `n` answers to one prompt are n requests. */
export interface GenerateRequest {
  readonly id: string
  readonly caller: Caller
  readonly prompt: Prompt
  readonly sampling: SamplingOptions
  /** At least 1; prompt and answer together fit the slot (checked before admission). */
  readonly maxNewTokens: number
  /** Generation ends on any of these; the token itself is counted but not part of the text. */
  readonly stopTokens: readonly number[]
  /** Restricts every token of the answer; null: free. */
  readonly constraint: Constraint | null
  readonly signal: AbortSignal
}

export interface Prompt {
  /** Image tokens already expanded: one id per merged patch. */
  readonly tokens: readonly number[]
  /** i32 [3, tokens.length], axis by axis: temporal, height, width. */
  readonly positions: Int32Array
  /** Position, on all three axes, of the first generated token. */
  readonly nextPosition: number
  readonly images: readonly PromptImage[]
}

export interface PromptImage {
  /** Index in the prompt of the picture's first image token. */
  readonly offset: number
  readonly count: number
  /** SHA-256 over the file's bytes, the preprocessing settings and the grid, hex. With `offset`, an image token's identity. */
  readonly digest: string
  /** Decodes and resizes; asked for only when no cached features serve. */
  load(signal: AbortSignal): Promise<Patches>
}

export interface SamplingOptions {
  readonly temperature: number
  readonly topP: number
  readonly topK: number
  readonly repetitionPenalty: number
  readonly presencePenalty: number
  readonly frequencyPenalty: number
  readonly seed: number
  readonly logprobs: number | null
}

/** Says which tokens may come next. May answer late: the engine leaves the sequence out of steps until it has. */
export interface Constraint {
  /** The mask for the next token, after `accepted` (null at the start). Bit i allows token i. */
  next(accepted: number | null): Promise<Uint32Array<ArrayBuffer>> | Uint32Array<ArrayBuffer>
  close(): void
}

/** A request under way. Leaving the iteration cancels it. */
export interface Generation extends AsyncIterable<GenerateEvent> {
  /** The consumer has all it wants (a stop string): nothing more is sampled, the finish event follows. */
  stop(): void
}

export type GenerateEvent =
  | { readonly type: 'token'; readonly token: number; readonly logprobs: TokenLogprobs | null }
  | {
      readonly type: 'finish'
      readonly reason: FinishReason
      readonly usage: Usage
      readonly timings: Timings
    }

/** `stop`: a stop token came, or the consumer had enough. `length`: maxNewTokens were generated. */
export type FinishReason = 'stop' | 'length'

export interface Usage {
  readonly promptTokens: number
  readonly completionTokens: number
  /** Prompt tokens served from a cache of earlier work. */
  readonly cachedTokens: number
}

/** Milliseconds spent in each stage. */
export interface Timings {
  readonly queueMs: number
  readonly imageMs: number
  readonly visionMs: number
  readonly prefillMs: number
  readonly decodeMs: number
  /** From submission to the first token. */
  readonly ttftMs: number
}
