import type { Context } from 'hono'
import { ApiError } from '../../shared/errors.ts'
import type { HttpEnv } from '../http-env.ts'
import type { Log } from '../log.ts'

/** Seconds a refused caller waits when whoever refused could not say. */
const DEFAULT_RETRY_AFTER_S = 1

/** The one place where an error becomes an answer. An unknown one tells the caller nothing and the log everything. */
export function onError(log: Log) {
  return (error: unknown, c: Context<HttpEnv>) => {
    const known = error instanceof ApiError ? error : new ApiError('internal_error', 'internal error')
    if (known !== error || known.cause !== undefined) {
      const level = known.status >= 500 ? 'error' : 'debug'
      log[level](
        { request_id: c.get('requestId'), err: known === error ? known.cause : error },
        'Request failed',
      )
    }
    noteError(c, known)
    return errorResponse(known, c.get('requestId'))
  }
}

/** Tells the access log which error the caller met. */
export function noteError(c: Context<HttpEnv>, error: ApiError) {
  c.get('access')['error'] = error.code
  c.get('access')['status'] = 'error'
}

export function errorResponse(error: ApiError, requestId: string): Response {
  const headers = new Headers({ 'content-type': 'application/json', 'x-request-id': requestId })
  if (error.status === 429 || error.status === 503) {
    headers.set('retry-after', String(Math.max(1, Math.ceil(error.retryAfterS ?? DEFAULT_RETRY_AFTER_S))))
  }
  if (error.status === 401) headers.set('www-authenticate', 'Bearer')
  return new Response(JSON.stringify(error.body()), { status: error.status, headers })
}
