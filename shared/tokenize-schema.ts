import { z } from '@hono/zod-openapi'
import { chatRequest } from './chat-schema.ts'
import { multimodalRequest } from './completion-schema.ts'

/** `POST /v1/tokenize` takes either completion endpoint's request as it is; a prompt may come without a picture. */
export const promptToCount = multimodalRequest
  .partial({ image: true })
  .openapi('PromptToCount', { example: { prompt: '列出所有金额' } })

export const tokenizeRequest = z.union([chatRequest, promptToCount])

export const tokenizeResponse = z
  .object({
    object: z.literal('token_count'),
    model: z.string(),
    prompt_tokens: z.int().openapi({ description: 'What usage.prompt_tokens would say.' }),
    text_tokens: z.int().openapi({ description: "The texts and the template's own." }),
    image_tokens: z.int(),
    images: z
      .array(
        z.object({
          tokens: z.int(),
          width: z.int().openapi({ description: 'Pixels after resizing.' }),
          height: z.int(),
        }),
      )
      .openapi({ description: 'In the order of the request.' }),
    max_context_length: z.int().openapi({ description: 'Tokens of prompt and answer together.' }),
    max_answer_tokens: z.int().openapi({ description: 'What the context leaves for the answer.' }),
    fits: z.boolean().openapi({ description: 'false: the request would be refused as too long.' }),
  })
  .openapi('TokenCount')

export type TokenizeResponse = z.infer<typeof tokenizeResponse>
