import type { Claims } from '../../shared/claims.ts'
import { ApiError, type ErrorCode, errorCodes } from '../../shared/errors.ts'
import { headerNames } from '../../shared/headers.ts'
import { contentDigestOf } from '../../shared/signing.ts'
import { type Backend, forward } from '../forward/forward.ts'
import type { HttpContext } from '../http-env.ts'
import { backendsOf } from '../services.ts'

export interface Question {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Path and query. */
  readonly target: string
  readonly body: Uint8Array<ArrayBuffer> | null
  readonly contentType: string
  readonly claims: Claims
  readonly signal: AbortSignal
}

/** What was heard of the backends on the way to an answer, or to none. */
export interface Heard {
  /** A backend may have done what was asked, and nobody knows. */
  inDoubt: boolean
  /** Why the last backend refused for now. */
  refusal: ApiError | null
}

export function nothingHeard(): Heard {
  return { inDoubt: false, refusal: null }
}

/**
 * Asks one backend, or the next when it cannot be reached or refuses for now. All of a group see the same jobs.
 * @throws ApiError the last refusal; `backend_unreachable` when none can be reached
 */
export async function askBackend(c: HttpContext, question: Question, heard: Heard): Promise<Response> {
  const { method, target, body, contentType, claims, signal } = question
  const { pool, settings, sign, now } = c.get('services')
  const contentDigest = await contentDigestOf(body ?? new Uint8Array(0))
  try {
    const { response, backend } = await forward(method, target, {
      pool,
      backends: backendsOf(settings.BACKENDS, c.env).map((one) => listened(one, heard)),
      now,
      body,
      signal,
      headers: async () => ({
        ...(await sign({ method, target, contentType, contentDigest, claims }, now())),
        [headerNames.requestId]: claims.requestId,
        [headerNames.traceparent]: c.get('traceparent'),
      }),
    })
    pool.ended(backend)
    c.get('logFields')['backend'] = backend
    return response
  } catch (error) {
    throw error instanceof ApiError && error.code === 'queue_full' ? (heard.refusal ?? error) : error
  }
}

/** The backend, with an ear on what it says. */
function listened({ name, fetch }: Backend, heard: Heard): Backend {
  return {
    name,
    async fetch(path, init) {
      const response = await fetch(path, init).catch((error: unknown) => {
        heard.inDoubt = true
        throw error
      })
      const { headers, status } = response
      // A refusal for now promises that nothing was done, unless it says that this cannot be known.
      if (status >= 500 && (status !== 503 || headers.has(headerNames.inDoubt))) heard.inDoubt = true
      if (status !== 503) return response
      heard.refusal = refusalOf(await response.text(), Number(headers.get('retry-after')))
      return new Response(null, { status, headers })
    },
  }
}

/** null: not our backend's form of error. */
function refusalOf(text: string, retryAfterS: number): ApiError | null {
  try {
    const { error } = JSON.parse(text) as { error: { code: ErrorCode; message: string } }
    if (errorCodes[error.code].status !== 503) return null
    return new ApiError(error.code, String(error.message), { retryAfterS: retryAfterS || 1 })
  } catch {
    return null // the caller hears that all are busy
  }
}
