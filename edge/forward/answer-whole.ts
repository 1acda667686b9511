import { z } from '@hono/zod-openapi'
import { ApiError } from '../../shared/errors.ts'
import type { StreamUsage } from '../../shared/sse.ts'

/** Sixteen answers of a long context fit well. */
const maxAnswerBytes = 16 * 1024 * 1024

const usageBody = z.object({ usage: z.object({ prompt_tokens: z.int(), completion_tokens: z.int() }) })

export interface WholeAnswer {
  readonly text: string
  /** null: the answer told none. */
  readonly usage: StreamUsage | null
}

/**
 * Reads an answer that is no stream.
 * @throws ApiError `backend_unreachable` for one that cannot be passed on
 */
export async function answerWhole(response: Response): Promise<WholeAnswer> {
  requirePassable(response)
  if (Number(response.headers.get('content-length') ?? 0) > maxAnswerBytes) {
    await response.body?.cancel()
    throw broken('the answer is too long')
  }
  const text = await response.text().catch((cause: unknown) => {
    throw broken(cause)
  })
  return { text, usage: response.ok ? usageOf(text) : null }
}

/** The caller's mistakes, refusals for now and answers pass; what only we or the backend can have broken does not. */
function requirePassable({ status }: Response) {
  const passable =
    status === 504 || (status < 500 && status !== 401 && status !== 403 && (status < 300 || status >= 400))
  if (!passable) throw broken(`the backend answered with status ${status}`)
}

function usageOf(text: string): StreamUsage | null {
  try {
    const { usage } = usageBody.parse(JSON.parse(text))
    return { promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens }
  } catch {
    // Not our backend's form of answer: charged as reserved.
    return null
  }
}

function broken(cause: unknown) {
  return new ApiError('backend_unreachable', 'the backend did not give a usable answer', { cause })
}
