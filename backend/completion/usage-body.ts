import type { z } from '@hono/zod-openapi'
import type { usageSchema } from '../../shared/completion-schema.ts'
import type { Usage } from '../engine/request.ts'

/** What was read and written, as OpenAI spells it. Several answers to one prompt have read it once. */
export function usageBody(answers: readonly Usage[]): z.infer<typeof usageSchema> {
  const promptTokens = answers[0]?.promptTokens ?? 0
  const completionTokens = answers.reduce((sum, usage) => sum + usage.completionTokens, 0)
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: answers[0]?.cachedTokens ?? 0 },
  }
}
