import { randomUUID } from 'node:crypto'
import { createMiddleware } from 'hono/factory'
import type { HttpEnv } from '../http/http-env.ts'

/** A caller's own id is kept when it is harmless in a header and a log line. */
const harmless = /^[\w.:-]{1,128}$/

/** Names the request, in the answer's `x-request-id` whatever the answer is. */
export function requestId() {
  return createMiddleware<HttpEnv>(async function requestId(c, next) {
    const given = c.req.header('x-request-id')
    const id = given !== undefined && harmless.test(given) ? given : `req_${randomUUID().replaceAll('-', '')}`
    c.set('requestId', id)
    await next()
    c.header('x-request-id', id)
  })
}
