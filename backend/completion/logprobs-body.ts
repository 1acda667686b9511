import type { ChatResponse } from '../../shared/chat-response.ts'
import { tokenText } from '../chat/token-text.ts'
import type { Tokenizer } from '../chat/tokenizer.ts'
import type { TokenText } from './completion-request.ts'

type LogprobsBody = ChatResponse['choices'][number]['logprobs']

/** What OpenAI writes for a token that could not come; JSON has no infinity. */
const NEVER = -9999

/** The answer's tokens with their logprobs, as OpenAI spells them. */
export function logprobsBody(tokenizer: Tokenizer, tokens: readonly TokenText[]): LogprobsBody {
  const entry = (token: number, logprob: number) => ({
    ...tokenText(tokenizer, token),
    logprob: Number.isFinite(logprob) ? logprob : NEVER,
  })
  return {
    content: tokens.map(({ token, logprobs }) => ({
      ...entry(token, logprobs.chosen),
      top_logprobs: logprobs.top.map((other) => entry(other.token, other.logprob)),
    })),
    refusal: null,
  }
}
