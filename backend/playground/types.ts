/** A picture people gave, ready to be sent. */
export interface Picture {
  readonly name: string
  /** What the request carries: a `data:` URI or an http(s) URL. */
  readonly reference: string
  /** A `blob:` or own address to show; null for linked pictures: showing them would ask a third party. */
  readonly preview: string | null
}

/** What the settings' fields say; null: left to the server. */
export interface Settings {
  readonly maxTokens: number | null
  readonly temperature: number | null
  readonly topP: number | null
  readonly topK: number | null
  readonly repetitionPenalty: number | null
  readonly seed: number | null
  readonly stop: readonly string[]
  readonly stream: boolean
  readonly thinking: boolean
  readonly format: AnswerFormat
}

export type AnswerFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json_object' }
  | { readonly type: 'json_schema'; readonly schema: unknown }

/** A question with the answer that came, if one came. */
export interface Exchange {
  readonly question: string
  readonly answer: string
}

/** What is sent, and all that the copied code needs to send it again. */
export interface ApiRequest {
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
  readonly stream: boolean
}

/** Where the copied code sends it. */
export interface Target {
  readonly url: string
  /** Whether the server wants a key; the code reads it from its environment. */
  readonly key: boolean
}

export interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly prompt_tokens_details?: { readonly cached_tokens?: number }
}

export type Stage = 'fetch' | 'queue' | 'image' | 'vision' | 'prefill' | 'decode'

export type AnswerEvent =
  | { readonly type: 'delta'; readonly content: string; readonly reasoning: string }
  | {
      readonly type: 'finish'
      readonly reason: string
      readonly usage: Usage | null
      /** Milliseconds by stage, as far as the server said. */
      readonly timings: Partial<Record<Stage, number>>
    }

/** What went wrong, in the server's words if it had any. */
export interface Failure {
  readonly status: number | null
  readonly code: string
  readonly message: string
  readonly param: string | null
  readonly requestId: string | null
  readonly retryAfterS: number | null
}

/** One question, from being asked on. */
export interface Turn {
  readonly question: string
  readonly pictures: readonly Picture[]
  readonly request: ApiRequest
  /** Which pictures it is about: a new number whenever they change. */
  readonly topic: number
  state: 'waiting' | 'writing' | 'done' | 'stopped' | 'failed'
  content: string
  reasoning: string
  finish: Extract<AnswerEvent, { type: 'finish' }> | null
  failure: Failure | null
  /** From the click to the first text and to the end, as the page saw it. */
  firstTextMs: number | null
  totalMs: number | null
}

export interface ServerStatus {
  readonly model: string
  readonly device: string
  readonly slots: number
  readonly running: number
  readonly waiting: number
  readonly generated_tokens: number
  readonly busy_ms: number
  readonly limits: {
    readonly context_length: number
    readonly images: number
    readonly image_bytes: number
  }
}
