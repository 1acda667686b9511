import { createMiddleware } from 'hono/factory'
import { headerNames } from '../shared/headers.ts'
import type { HttpContext, HttpEnv } from './http-env.ts'
import { log } from './log.ts'

/** A caller's own id is kept when it is harmless in a header and a log line. */
const harmlessId = /^[\w.:-]{1,128}$/
/** W3C Trace Context, version 00. */
const traceparent = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

const quietPaths = new Set(['/health', '/livez', '/readyz'])

const securityHeaders = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'cross-origin-resource-policy': 'same-origin',
} as const

/** The headers that all answers carry. */
export function commonHeaders(c: HttpContext): Record<string, string> {
  return { [headerNames.requestId]: c.get('requestId'), ...securityHeaders }
}

/** Names the request, logs it, and puts on every answer the headers that all answers carry. */
export function envelope() {
  return createMiddleware<HttpEnv>(async function envelope(c, next) {
    const startMs = Date.now()
    const given = c.req.header(headerNames.requestId)
    const requestId = given !== undefined && harmlessId.test(given) ? given : `req_${randomHex()}`
    c.set('requestId', requestId)
    c.set('traceparent', tracing(c.req.header(headerNames.traceparent)))
    c.set('logFields', { request_id: requestId, method: c.req.method, path: c.req.path })
    c.set('logsItself', false)
    await next()
    const { headers } = c.res
    // Whoever gave the answer its headers has given it all of them: each one set here alone costs a microsecond.
    if (!headers.has(headerNames.requestId)) {
      for (const [name, value] of Object.entries(commonHeaders(c)))
        if (!headers.has(name)) headers.set(name, value)
    }
    if (c.get('logsItself') || quietPaths.has(c.req.path)) return
    const status = c.res.status
    const fields = {
      http_status: status,
      duration_ms: Date.now() - startMs,
      status: status < 400 ? 'success' : 'error',
    }
    log('INFO', 'Request processed', { ...fields, ...c.get('logFields') })
  })
}

/** The caller's trace with a new span of ours, or a new trace. */
function tracing(given: string | undefined): string {
  const trace = given !== undefined && traceparent.test(given) ? given.slice(3, 35) : null
  const flags = trace === null ? '00' : given?.slice(53)
  return `00-${trace ?? randomHex()}-${randomHex().slice(0, 16)}-${flags}`
}

/** 32 digits; the platform makes UUIDs far faster than we could format bytes. */
function randomHex(): string {
  return crypto.randomUUID().replaceAll('-', '')
}
