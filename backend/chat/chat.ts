import { ApiError } from '../../shared/errors.ts'
import type { ChatTemplate, Segment } from './chat-template.ts'
import { showsTools } from './check-template.ts'
import type { ChatContent } from './messages.ts'
import { PromptDraft } from './prompt-draft.ts'
import { type Conversation, templateVariables } from './template-variables.ts'
import type { Tokenizer } from './tokenizer.ts'

export interface ChatOptions {
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  readonly imageToken: number
  /** Side of the block of patches that becomes one token. */
  readonly mergeSize: number
}

export interface DraftRequest extends Conversation {
  /** Encoding stops here: the most tokens a prompt may have. */
  readonly maxTokens: number
  /** Name of the conversation's field, for errors. */
  readonly param: string
}

/** Turns conversations into prompts, the way the model's own template and tokenizer say. */
export class Chat {
  readonly tokenizer: Tokenizer
  /** Whether the template shows the model its tools. One that does not is the same with them and without. */
  readonly usesTools: boolean
  readonly #template: ChatTemplate
  readonly #imageToken: number
  readonly #mergeSize: number

  constructor({ tokenizer, template, imageToken, mergeSize }: ChatOptions) {
    this.tokenizer = tokenizer
    this.#template = template
    this.#imageToken = imageToken
    this.#mergeSize = mergeSize
    this.usesTools = showsTools(template)
  }

  /**
   * Renders and encodes a conversation.
   * @throws ApiError for what the template refuses or would drop, and for a text longer than `maxTokens`
   */
  draft({ maxTokens, param, ...conversation }: DraftRequest): PromptDraft {
    if (!this.usesTools) refuseTools(conversation)
    if (countParts(conversation) > maxTokens) throw tooLong(maxTokens, param)
    const segments = this.#render(conversation, param)
    const tokens = this.#encode(segments, maxTokens, param)
    const draft = new PromptDraft(tokens, {
      imageToken: this.#imageToken,
      mergeSize: this.#mergeSize,
      opensReasoning: this.#opensReasoning(segments),
    })
    requirePictures(conversation, draft.images, param)
    return draft
  }

  #render(conversation: Conversation, param: string): Segment[] {
    const variables = templateVariables(conversation)
    try {
      return this.#template.render(variables)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new ApiError('invalid_request', `the model's chat template refuses the conversation: ${reason}`, {
        param,
        cause: error,
      })
    }
  }

  #encode(segments: readonly Segment[], maxTokens: number, param: string): number[] {
    const tokens: number[] = []
    for (const segment of segments) {
      const encoded =
        typeof segment === 'number'
          ? [segment]
          : this.tokenizer.encodeWithin(segment, maxTokens - tokens.length)
      if (encoded === null || tokens.length + encoded.length > maxTokens) {
        throw tooLong(maxTokens, param)
      }
      for (const token of encoded) tokens.push(token)
    }
    return tokens
  }

  /** The prompt ends with the tag that opens the reasoning, or with it and white space. */
  #opensReasoning(segments: readonly Segment[]): boolean {
    const last = segments.at(-1)
    const end = typeof last === 'string' && last.trim() === '' ? segments.at(-2) : last
    return typeof end === 'number' && end === this.tokenizer.addedToken('<think>')
  }
}

/** Every turn costs a token and every picture too, so a conversation of more parts than tokens is not even rendered. */
function countParts({ messages, tools }: Conversation): number {
  const parts = (content: ChatContent) => (typeof content === 'string' ? 1 : Math.max(1, content.length))
  return messages.reduce((sum, { content }) => sum + parts(content), tools.length)
}

function tooLong(maxTokens: number, param: string) {
  const message = `the prompt is longer than the ${maxTokens} tokens that fit`
  return new ApiError('context_length_exceeded', message, { param })
}

function refuseTools({ messages, tools }: Conversation) {
  const refuse = (param: string): never => {
    throw new ApiError('unsupported_parameter', "this model's chat template has no tools", { param })
  }
  if (tools.length > 0) refuse('tools')
  for (const [index, message] of messages.entries()) {
    if (message.role === 'tool') refuse(`messages[${index}].role`)
    if (message.role === 'assistant' && (message.toolCalls ?? []).length > 0)
      refuse(`messages[${index}].tool_calls`)
  }
}

/** A template may drop parts it does not know in some role; a picture must never vanish silently. */
function requirePictures({ messages }: Conversation, placed: number, param: string) {
  const sent = messages
    .flatMap(({ content }) => (typeof content === 'string' ? [] : content))
    .filter((part) => part.type === 'image').length
  if (sent === placed) return
  throw new ApiError(
    'invalid_request',
    `the model's chat template takes ${placed} of the ${sent} images: put them into user messages`,
    { param },
  )
}
