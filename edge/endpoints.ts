import type { z } from '@hono/zod-openapi'
import { type ChatRequest, chatFields, chatRequest, requireAgreement } from '../shared/chat-schema.ts'
import { multimodalRequest } from '../shared/completion-schema.ts'
import { PresentFields } from './intake/present-fields.ts'

/** A picture in a request: where it stands and what stands there. */
export interface PictureField {
  readonly param: string
  readonly reference: string
}

/** What the edge must know of an endpoint to take its requests in. */
export interface CompletionEndpoint {
  readonly path: string
  readonly schema: z.ZodType<JsonObject>
  /** The same judgement, faster. */
  readonly quickSchema?: { parse(value: unknown): JsonObject | null }
  readonly takesForms: boolean
  /** Reads a body of one JSON object a line, which is then all the endpoint takes. */
  parseLines?(text: string): JsonObject
  pictures(request: JsonObject): PictureField[]
  /** The request with other references, in the order of `pictures`, and its length limit spelled out. */
  normalise(request: JsonObject, references: readonly string[], maxNewTokens: number): JsonObject
  /** Tokens of one answer, null when the request leaves it open, and how many answers. */
  wanted(request: JsonObject): { maxNewTokens: number | null; answers: number }
}

export type JsonObject = Record<string, unknown>

export const multimodalEndpoint: CompletionEndpoint = {
  path: '/v1/multimodal/completions',
  schema: multimodalRequest,
  takesForms: true,
  pictures: ({ image }) =>
    Array.isArray(image)
      ? image.map((reference, index) => ({ param: `image[${index}]`, reference: String(reference) }))
      : [{ param: 'image', reference: String(image) }],
  normalise: (request, references, maxNewTokens) => ({
    ...request,
    image: references,
    max_new_tokens: maxNewTokens,
  }),
  wanted: ({ max_new_tokens }) => ({
    maxNewTokens: typeof max_new_tokens === 'number' ? max_new_tokens : null,
    answers: 1,
  }),
}

const chat: CompletionEndpoint = {
  path: '/v1/chat/completions',
  schema: chatRequest,
  quickSchema: new PresentFields(chatFields, requireAgreement),
  takesForms: false,
  pictures: (request) =>
    chatParts(request as ChatRequest).map(({ param, part }) => ({ param, reference: part.image_url.url })),
  normalise(request, references, maxNewTokens) {
    const rest = references[Symbol.iterator]()
    const messages = (request as ChatRequest).messages.map((message) => ({
      ...message,
      content: Array.isArray(message.content)
        ? partsOf(message.content).map((part) =>
            isImage(part) ? withUrl(part, rest.next().value ?? '') : part,
          )
        : message.content,
    }))
    const { max_tokens: _, ...kept } = request
    return { ...kept, messages, max_completion_tokens: maxNewTokens }
  },
  wanted: ({ max_tokens, max_completion_tokens, n }) => ({
    maxNewTokens: Number(max_completion_tokens ?? max_tokens ?? 0) || null,
    answers: typeof n === 'number' ? n : 1,
  }),
}

export const completionEndpoints: readonly CompletionEndpoint[] = [multimodalEndpoint, chat]

type ContentPart = Exclude<NonNullable<ChatRequest['messages'][number]['content']>, string>[number]
type ImagePart = Extract<ContentPart, { type: 'image_url' }>

function chatParts({ messages }: ChatRequest): { param: string; part: ImagePart }[] {
  return messages.flatMap(({ content }, message) =>
    partsOf(content).flatMap((part, index) =>
      isImage(part) ? [{ param: `messages[${message}].content[${index}].image_url.url`, part }] : [],
    ),
  )
}

function partsOf(content: ChatRequest['messages'][number]['content']): readonly ContentPart[] {
  return Array.isArray(content) ? content : []
}

function isImage(part: ContentPart): part is ImagePart {
  return part.type === 'image_url'
}

function withUrl(part: ImagePart, url: string): ImagePart {
  return { ...part, image_url: { ...part.image_url, url } }
}
