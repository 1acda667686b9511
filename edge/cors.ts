import { createMiddleware } from 'hono/factory'
import type { HttpEnv } from './http-env.ts'

const allowedHeaders = 'authorization, content-type, idempotency-key, prefer, traceparent, x-request-id'
const exposedHeaders =
  'x-request-id, retry-after, ratelimit, ratelimit-policy, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens, idempotent-replayed, location, preference-applied'
const preflightMaxAgeS = '86400'

/** Lets pages of the configured origins call the API. No cookies are ever involved, so no credentials are allowed. */
export function cors() {
  return createMiddleware<HttpEnv>(async function cors(c, next) {
    const origin = allowedOrigin(c.req.header('origin'), c.get('services').settings.CORS_ORIGINS)
    if (c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') !== undefined) {
      return preflight(origin)
    }
    await next()
    if (origin === null) return undefined
    c.res.headers.set('access-control-allow-origin', origin)
    c.res.headers.append('vary', 'origin')
    c.res.headers.set('access-control-expose-headers', exposedHeaders)
    c.res.headers.set('cross-origin-resource-policy', 'cross-origin')
    return undefined
  })
}

function preflight(origin: string | null): Response {
  if (origin === null) return new Response(null, { status: 204 })
  const headers = {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'DELETE, GET, POST',
    'access-control-allow-headers': allowedHeaders,
    'access-control-max-age': preflightMaxAgeS,
    vary: 'origin',
  }
  return new Response(null, { status: 204, headers })
}

function allowedOrigin(origin: string | undefined, allowed: readonly string[]): string | null {
  if (origin === undefined) return null
  if (allowed.includes('*')) return '*'
  return allowed.includes(origin) ? origin : null
}
