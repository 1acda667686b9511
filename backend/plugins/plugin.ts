import type { ChatMessage } from '../chat/messages.ts'

/**
 * What a file named by `--plugin` exports as `plugin`: any of the hooks. They run in worker threads of their own, one
 * call at a time in each, and get and give data alone: no function or class instance crosses to the server.
 *
 * A hook that throws, takes too long or uses up its memory fails the request it was called for, with a 500.
 */
export interface Plugin {
  /** Called with the bytes of a format the server does not know. null: nor does this plug-in. */
  readonly decodeImage?: (bytes: Uint8Array) => Awaitable<Pixels | Refusal | null>
  /** Called before the prompt is built. null: as it is. */
  readonly prepareRequest?: (
    request: PluginRequest,
    tools: HookTools,
  ) => Awaitable<PluginRequest | Refusal | null>
  /** Called with every whole answer, before the client gets any of it. null: as it is. */
  readonly finishText?: (
    answer: FinishedAnswer,
    tools: HookTools,
  ) => Awaitable<ChangedAnswer | Refusal | null>
}

type Awaitable<T> = T | Promise<T>

/** The client gets a 400 with this message. */
export interface Refusal {
  readonly refuse: string
}

/** Upright pixels, row by row from the top left. */
export interface Pixels {
  readonly width: number
  readonly height: number
  /** Grey, RGB or RGBA (not premultiplied), 8 bits a channel. */
  readonly channels: 1 | 3 | 4
  /** width · height · channels bytes. */
  readonly data: Uint8Array
}

/** What was asked; an image part of a message stands for the next of `images`. */
export interface PluginRequest {
  readonly messages: readonly ChatMessage[]
  readonly images: readonly PluginImage[]
}

/** A picture as the client sent it: a file, or its URL or `data:` URI. */
export type PluginImage =
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'reference'; readonly reference: string }

export interface FinishedAnswer {
  readonly content: string
  /** What the model thought first; empty unless it was asked to. */
  readonly reasoning: string
  /** The calls of tools it asks for, `arguments` as JSON text. They cannot be changed. */
  readonly toolCalls: readonly { readonly name: string; readonly arguments: string }[]
  /** Whether it was cut off (`length`). */
  readonly finishReason: 'stop' | 'length'
  /** Whether the client asked for a stream. It waits all the same until the hook has decided. */
  readonly streaming: boolean
}

/** What is left out stays. A changed answer has no logprobs. */
export interface ChangedAnswer {
  readonly content?: string | undefined
  readonly reasoning?: string | undefined
}

/** What the server does for a hook. */
export interface HookTools {
  /**
   * Asks the served model, greedily, for the same caller and within the same deadline; no plug-in but `decodeImage`
   * sees the question.
   * @throws {Error} why there is no answer.
   */
  readonly ask: (question: Question) => Promise<string>
}

export interface Question {
  readonly prompt: string
  readonly images?: readonly PluginImage[] | undefined
  readonly maxNewTokens?: number | undefined
}
