import { z } from '@hono/zod-openapi'
import { timingsSchema, usageSchema } from './completion-schema.ts'

const tokenLogprob = z.object({
  token: z.string(),
  logprob: z.number().openapi({ description: 'Natural logarithm; -9999 stands for never.' }),
  bytes: z.array(z.int()).openapi({ description: 'A token may be a part of a character.' }),
})

const choiceLogprobs = z
  .object({
    content: z.array(tokenLogprob.extend({ top_logprobs: z.array(tokenLogprob) })),
    refusal: z.null(),
  })
  .nullable()
  .openapi('ChoiceLogprobs')

const chatFinishReason = z.enum(['stop', 'length', 'tool_calls'])

const calledFunction = z.object({ name: z.string(), arguments: z.string() })

export const chatResponse = z
  .object({
    id: z.string().openapi({ example: 'chatcmpl-9a8b7c6d5e4f3g2h1' }),
    object: z.literal('chat.completion'),
    created: z.int().openapi({ description: 'Seconds since the epoch.' }),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({
          role: z.literal('assistant'),
          content: z.string().nullable().openapi({ description: 'null where there are only tool calls.' }),
          refusal: z.null(),
          reasoning_content: z.string().optional(),
          tool_calls: z
            .array(z.object({ id: z.string(), type: z.literal('function'), function: calledFunction }))
            .optional(),
        }),
        logprobs: choiceLogprobs,
        finish_reason: chatFinishReason,
      }),
    ),
    usage: usageSchema,
  })
  .openapi('ChatCompletion')

export type ChatResponse = z.infer<typeof chatResponse>

/** One event of a stream. After the last, `data: [DONE]` follows. */
export const chatChunk = z
  .object({
    id: z.string(),
    object: z.literal('chat.completion.chunk'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        delta: z.object({
          role: z.literal('assistant').optional(),
          content: z.string().optional(),
          reasoning_content: z.string().optional(),
          tool_calls: z
            .array(
              z.object({
                index: z.int(),
                id: z.string().optional(),
                type: z.literal('function').optional(),
                function: calledFunction.partial({ name: true }),
              }),
            )
            .optional(),
        }),
        logprobs: choiceLogprobs,
        finish_reason: chatFinishReason.nullable(),
      }),
    ),
    usage: usageSchema.nullable().optional(),
    timings: timingsSchema.optional().openapi({ description: 'Beside the usage.' }),
  })
  .openapi('ChatCompletionChunk')

export type ChatChunk = z.infer<typeof chatChunk>

export const modelSchema = z
  .object({
    id: z.string().openapi({ example: 'GLM-4.6V-Flash' }),
    object: z.literal('model'),
    created: z.int().openapi({ description: 'When it was loaded, in seconds since the epoch.' }),
    owned_by: z.string(),
    max_context_length: z.int().openapi({ description: 'Tokens of prompt and answer together.' }),
  })
  .openapi('Model')

export const modelListSchema = z
  .object({ object: z.literal('list'), data: z.array(modelSchema) })
  .openapi('ModelList')
