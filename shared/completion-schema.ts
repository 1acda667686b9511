import { z } from '@hono/zod-openapi'
import { responseFormat } from './response-format.ts'

/** Bounds that hold everywhere; what an operator may tighten lives in the programs' own configuration. */
export const requestLimits = {
  /** Characters; the context bounds the tokens long before, this bounds the work of counting them. */
  maxPromptCharacters: 1_000_000,
  maxStopStrings: 16,
  maxStopCharacters: 256,
  maxNewTokens: 1_000_000,
  maxImages: 64,
  maxMessages: 4096,
  /** Of one message. */
  maxParts: 4096,
  maxTools: 128,
  /** Of one message. */
  maxToolCalls: 128,
  /** Answers to one prompt; a server with fewer slots gives at most as many. */
  maxAnswers: 16,
} as const

const stopString = z.string().min(1).max(requestLimits.maxStopCharacters)

/** Far below 1 it would push scores beyond what numbers hold. */
export const repetitionPenalty = z.number().min(0.01).max(10)

/** Sampling fields that both completion endpoints spell alike. */
export const samplingFields = {
  temperature: z.number().min(0).max(2).optional().openapi({
    description:
      '0 is greedy: same request, same answer. Default 0.7, or 0 where the model says do_sample: false.',
    example: 0,
  }),
  top_p: z.number().gt(0).max(1).optional().openapi({ description: "Default: the model's own." }),
  seed: z.int().optional().openapi({ description: 'Same seed and request, same answer.' }),
  stop: z
    .union([stopString, z.array(stopString).max(requestLimits.maxStopStrings)])
    .optional()
    .openapi({ description: 'The answer ends before the first of these.' }),
  stream: z.boolean().optional().openapi({ description: 'Answer as server-sent events. Default false.' }),
} as const

/** `POST /v1/multimodal/completions`: the fields, in JSON or as a form. */
export const multimodalRequest = z
  .strictObject({
    model: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .openapi({ description: 'If given, it must be served here.' }),
    image: z.union([z.string(), z.array(z.string()).min(1).max(requestLimits.maxImages)]).openapi({
      description:
        'A `data:image/...;base64,` URI or an http(s) URL, or several of them. The bytes decide the format, not the label.',
      example: 'https://example.com/receipt.jpg',
    }),
    prompt: z.string().min(1).max(requestLimits.maxPromptCharacters).openapi({ example: '列出所有金额' }),
    max_new_tokens: z
      .int()
      .min(1)
      .max(requestLimits.maxNewTokens)
      .optional()
      .openapi({ description: 'Default 512; capped by the room left in the context.' }),
    ...samplingFields,
    top_k: z.int().min(0).max(1_000_000).optional().openapi({ description: '0 keeps all.' }),
    repetition_penalty: repetitionPenalty.optional().openapi({ description: '1 is none.' }),
    response_format: responseFormat.optional().openapi({
      description:
        'Holds the text to JSON, or to a JSON schema, whatever the model wanted. In a form: JSON text.',
    }),
    thinking: z.boolean().optional().openapi({
      description: 'true returns the reasoning apart, as message.reasoning_content. Default false.',
    }),
  })
  .openapi('MultimodalCompletionRequest', {
    example: {
      image: 'https://example.com/receipt.jpg',
      prompt: '列出所有金额',
      max_new_tokens: 200,
      temperature: 0,
    },
  })

export type MultimodalRequest = z.infer<typeof multimodalRequest>

export const usageSchema = z
  .object({
    prompt_tokens: z.int().openapi({ description: 'What the model read, image tokens included.' }),
    completion_tokens: z.int(),
    total_tokens: z.int(),
    prompt_tokens_details: z.object({
      cached_tokens: z.int().openapi({ description: 'Prompt tokens served from earlier work.' }),
    }),
  })
  .openapi('Usage')

/** Where a request's time went. The stages but `ttft_ms` add up to its life in the engine. */
export const timingsSchema = z
  .object({
    ttft_ms: z.number().openapi({ description: 'From submission to the first token.' }),
    fetch_ms: z.number().openapi({ description: 'Getting the pictures, before the engine is asked.' }),
    queue_ms: z.number().openapi({ description: 'Waiting for a slot.' }),
    image_ms: z.number().openapi({ description: 'Decoding and resizing the pictures.' }),
    vision_ms: z.number().openapi({ description: 'Encoding the pictures.' }),
    prefill_ms: z.number().openapi({ description: 'Reading the prompt, up to the first token.' }),
    decode_ms: z.number().openapi({ description: 'Writing the rest of the answer.' }),
  })
  .openapi('Timings')

const finishReasonSchema = z.enum(['stop', 'length'])

export const multimodalResponse = z
  .object({
    id: z.string().openapi({ example: 'cmpl-9a8b7c6d5e4f3g2h1' }),
    object: z.literal('multimodal.completion'),
    created: z.int().openapi({ description: 'Seconds since the epoch.' }),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({
          role: z.literal('assistant'),
          content: z
            .string()
            .openapi({ description: 'Clean text: no special tokens, no reasoning, trimmed.' }),
          reasoning_content: z.string().optional(),
        }),
        finish_reason: finishReasonSchema,
      }),
    ),
    usage: usageSchema,
  })
  .openapi('MultimodalCompletion')

export type MultimodalResponse = z.infer<typeof multimodalResponse>

/** One event of a stream; the last one carries `finish_reason`, `usage` and `timings`, then `data: [DONE]` follows. */
export const multimodalChunk = z
  .object({
    id: z.string(),
    object: z.literal('multimodal.completion.chunk'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        delta: z.object({
          role: z.literal('assistant').optional(),
          content: z.string().optional(),
          reasoning_content: z.string().optional(),
        }),
        finish_reason: finishReasonSchema.nullable(),
      }),
    ),
    usage: usageSchema.optional(),
    timings: timingsSchema.optional(),
  })
  .openapi('MultimodalCompletionChunk')

export type MultimodalChunk = z.infer<typeof multimodalChunk>
