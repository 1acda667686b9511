/** One turn of a conversation, as a caller gave it. Every string in it is text and nothing else. */
export type ChatMessage =
  | { readonly role: 'system' | 'user'; readonly content: ChatContent }
  | AssistantMessage
  | { readonly role: 'tool'; readonly content: ChatContent; readonly toolCallId?: string | undefined }

export interface AssistantMessage {
  readonly role: 'assistant'
  readonly content: ChatContent
  /** What the model thought before it answered. */
  readonly reasoning?: string | undefined
  readonly toolCalls?: readonly ToolCall[] | undefined
}

export type ChatContent = string | readonly ContentPart[]

/** An image part stands for the next of the request's pictures. */
type ContentPart = { readonly type: 'text'; readonly text: string } | { readonly type: 'image' }

export interface ToolCall {
  readonly id: string
  readonly name: string
  /** A JSON object, as text. */
  readonly arguments: string
}

/** A function the model may call, in OpenAI's shape: the template prints it to the model just so. */
export interface ToolDefinition {
  readonly type: 'function'
  readonly function: {
    readonly name: string
    readonly description?: string | undefined
    /** A JSON schema of an object. */
    readonly parameters?: Readonly<Record<string, unknown>> | undefined
    readonly strict?: boolean | null | undefined
  }
}
