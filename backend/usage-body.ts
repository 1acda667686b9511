import type { z } from '@hono/zod-openapi'
import type { usageSchema } from '../shared/completion-schema.ts'
import type { Usage } from './engine/request.ts'

/** What was read and written, as OpenAI spells it. */
export function usageBody(usage: Usage): z.infer<typeof usageSchema> {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
  }
}
