import { ApiError } from '../shared/errors.ts'
import type { HttpContext } from './http-env.ts'
import { RefusedByKey } from './keys/lease.ts'
import { limitHeaders } from './limit-headers.ts'
import { describeError, log } from './log.ts'

const defaultRetryAfterS = 1

/** The one place where an error becomes an answer. What is not ours to explain is logged and told as nothing. */
export function onError(error: Error, c: HttpContext): Response {
  const known =
    error instanceof ApiError ? error : new ApiError('internal_error', 'internal error', { cause: error })
  c.get('logFields')['error'] = known.code
  if (known.status >= 500 && known.cause !== undefined) {
    log('ERROR', 'Request failed', { request_id: c.get('requestId'), ...describeError(known.cause) })
  }
  const headers = new Headers(error instanceof RefusedByKey ? limitHeaders(error.reports) : {})
  if (known.status === 429 || known.status === 503) {
    headers.set('retry-after', String(Math.max(1, Math.ceil(known.retryAfterS ?? defaultRetryAfterS))))
  }
  if (known.status === 401) headers.set('www-authenticate', 'Bearer')
  for (const name of ['allow', 'access-control-allow-origin', 'vary']) {
    const value = c.res.headers.get(name)
    if (value !== null) headers.set(name, value)
  }
  headers.set('content-type', 'application/json')
  return new Response(JSON.stringify(known.body()), { status: known.status, headers })
}
