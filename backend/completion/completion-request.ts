import type { ChatMessage, ToolDefinition } from '../chat/messages.ts'
import type { ToolCallDelta } from '../chat/tool-call-parser.ts'
import type { Constraint, FinishReason, Timings, Usage } from '../engine/request.ts'
import type { TokenLogprobs } from '../engine/runner.ts'

/** What an endpoint, a job or a command asks of the model: one prompt, one answer or several. */
export interface CompletionRequest {
  readonly id: string
  readonly callerId: string
  /** Moment the answer is worthless, ms since the epoch. */
  readonly deadlineMs: number
  /** Image parts stand for `images`, in order. */
  readonly messages: readonly ChatMessage[]
  readonly images: readonly ImageInput[]
  readonly sampling: SamplingRequest
  /** null: the default, capped by the room left in the context. */
  readonly maxNewTokens: number | null
  /** Prompt and all answers together may take no more: what the edge has reserved. null: the context alone bounds them. */
  readonly maxTotalTokens: number | null
  readonly stop: readonly string[]
  readonly thinking: boolean
  readonly tools: readonly ToolDefinition[]
  /** The answer ends where it begins one more; null: as many as it likes. */
  readonly maxToolCalls: number | null
  /** Answers wanted, at least 1. With a seed each has its own, counted up from it. */
  readonly answers: number
  /** Whether the caller reads the answer while it is written. */
  readonly streaming: boolean
  /** Makes the constraint of one answer; null: free. */
  readonly createConstraint: (() => Constraint) | null
  /** How many alternatives beside each token's own logprob; null: no logprobs. */
  readonly logprobs: number | null
  /** Name of the prompt's field, for errors. */
  readonly promptParam: string
  readonly signal: AbortSignal
}

/** What a request's body asks for; who asks, and until when, is the endpoint's to say. */
export type CompletionBody = Omit<
  CompletionRequest,
  'id' | 'callerId' | 'deadlineMs' | 'maxTotalTokens' | 'signal'
>

/** A picture as the caller sent it; `param` names the field in errors. */
export type ImageInput =
  | { readonly type: 'bytes'; readonly bytes: Uint8Array; readonly param: string }
  | { readonly type: 'reference'; readonly reference: string; readonly param: string }

/** What the caller said of sampling; what is absent the model's generation_config decides. */
interface SamplingRequest {
  readonly temperature?: number | undefined
  readonly topP?: number | undefined
  readonly topK?: number | undefined
  readonly repetitionPenalty?: number | undefined
  readonly presencePenalty?: number | undefined
  readonly frequencyPenalty?: number | undefined
  readonly seed?: number | undefined
}

/** A piece or the end of the answer `index`. */
export type CompletionEvent =
  | {
      readonly type: 'delta'
      readonly index: number
      /** What the model read before it wrote; the same in every event. */
      readonly promptTokens: number
      readonly content: string
      readonly reasoning: string
      readonly toolCalls: readonly ToolCallDelta[]
      readonly logprobs: readonly TokenText[]
    }
  | {
      readonly type: 'finish'
      readonly index: number
      readonly reason: FinishReason
      readonly usage: Usage
      readonly timings: RequestTimings
    }

/** The engine's stages, and what came before them. */
export interface RequestTimings extends Timings {
  /** Getting the pictures: fetching URLs, reading data URIs and headers. */
  readonly fetchMs: number
}

/** A token of the answer as text, with its logprobs. */
export interface TokenText {
  readonly token: number
  readonly logprobs: TokenLogprobs
}
