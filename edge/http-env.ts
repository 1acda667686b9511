import type { Context } from 'hono'
import type { Bindings } from './env.ts'
import type { GenuineKey } from './keys/genuine-keys.ts'
import type { RequestScope } from './keys/key-client.ts'
import type { Services } from './services.ts'

/** What every request carries through the middlewares to its route. */
export interface HttpEnv {
  Bindings: Bindings
  Variables: {
    services: Services
    requestId: string
    traceparent: string
    key: GenuineKey
    /** Fields of the request's log line, filled in by whoever knows them. */
    logFields: Record<string, unknown>
    /** Set by whoever logs the request itself, at its real end. */
    logsItself: boolean
  }
}

export type HttpContext = Context<HttpEnv>

/** The request's way to key objects. */
export function scopeOf(c: HttpContext): RequestScope {
  const { KEYS } = c.env
  return {
    send: (keyId, operations) => KEYS.getByName(keyId).decide(operations),
    waitUntil: (promise) => c.executionCtx.waitUntil(promise),
  }
}
