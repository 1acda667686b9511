import { z } from 'zod'
import type { ChatMessage } from '../chat/messages.ts'
import type { ChangedAnswer, Pixels, PluginRequest, Question, Refusal } from './plugin.ts'

const bytes = z.instanceof(Uint8Array)

const content = z.union([
  z.string(),
  z.array(
    z.union([
      z.object({ type: z.literal('text'), text: z.string() }),
      z.object({ type: z.literal('image') }),
    ]),
  ),
])

const toolCall = z.object({ id: z.string(), name: z.string(), arguments: z.string() })

const message: z.ZodType<ChatMessage> = z.discriminatedUnion('role', [
  z.object({ role: z.enum(['system', 'user']), content }),
  z.object({
    role: z.literal('assistant'),
    content,
    reasoning: z.string().optional(),
    toolCalls: z.array(toolCall).optional(),
  }),
  z.object({ role: z.literal('tool'), content, toolCallId: z.string().optional() }),
])

const image = z.discriminatedUnion('type', [
  z.object({ type: z.literal('bytes'), bytes }),
  z.object({ type: z.literal('reference'), reference: z.string() }),
])

const refusal: z.ZodType<Refusal> = z.object({ refuse: z.string().min(1) })

const pixels: z.ZodType<Pixels> = z
  .object({
    width: z.int().positive(),
    height: z.int().positive(),
    channels: z.union([z.literal(1), z.literal(3), z.literal(4)]),
    data: bytes,
  })
  .refine(({ width, height, channels, data }) => data.length === width * height * channels, {
    error: 'data must have width · height · channels bytes',
  })

const request: z.ZodType<PluginRequest> = z
  .object({ messages: z.array(message).min(1), images: z.array(image) })
  .refine(({ messages, images }) => countImageParts(messages) === images.length, {
    error: 'the messages must have one image part for each of the images',
  })

const changed: z.ZodType<ChangedAnswer> = z.strictObject({
  content: z.string().optional(),
  reasoning: z.string().optional(),
})

function countImageParts(messages: readonly ChatMessage[]): number {
  const parts = messages.flatMap((each) => (typeof each.content === 'string' ? [] : each.content))
  return parts.filter(({ type }) => type === 'image').length
}

/** What each hook may return; nothing is null. */
export const resultSchemas = {
  decodeImage: z.union([refusal, pixels]).nullish(),
  prepareRequest: z.union([refusal, request]).nullish(),
  finishText: z.union([refusal, changed]).nullish(),
}

/** What a hook may ask the model. */
export const questionSchema: z.ZodType<Question> = z.strictObject({
  prompt: z.string().min(1),
  images: z.array(image).optional(),
  maxNewTokens: z.int().positive().optional(),
})
