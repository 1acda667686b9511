import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { ApiError } from '../../shared/errors.ts'
import type { HttpEnv } from '../http/http-env.ts'
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
    return errorResponse(c, known)
  }
}

/** Tells the access log which error the caller met. */
export function noteError(c: Context<HttpEnv>, error: ApiError) {
  c.get('access')['error'] = error.code
  c.get('access')['status'] = 'error'
}

function errorResponse(c: Context<HttpEnv>, error: ApiError): Response {
  if (error.status === 429 || error.status === 503) {
    c.header('retry-after', String(Math.max(1, Math.ceil(error.retryAfterS ?? DEFAULT_RETRY_AFTER_S))))
  }
  if (error.status === 401) c.header('www-authenticate', 'Bearer')
  return c.json(error.body(), error.status as ContentfulStatusCode)
}
