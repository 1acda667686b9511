import { createMiddleware } from 'hono/factory'
import type { ByteBudget } from '../byte-budget.ts'
import type { HttpEnv } from '../http/http-env.ts'

/**
 * Counts a body against the budget before a byte of it is read, until the answer's end: what was parsed from it lives as
 * long. A body of undeclared length counts as the longest allowed.
 */
export function bodyMemory(budget: ByteBudget, maxBodyBytes: number) {
  return createMiddleware<HttpEnv>(async function bodyMemory(c, next) {
    if (c.req.method === 'GET' || c.req.method === 'HEAD') return next()
    const declared = c.req.header('content-length')
    const bytes = Math.min(Number(declared ?? maxBodyBytes), maxBodyBytes)
    const hold = budget.open()
    hold.take(Number.isFinite(bytes) ? bytes : maxBodyBytes)
    const outgoing = c.env.outgoing
    if (outgoing !== undefined && !outgoing.closed) outgoing.once('close', hold.release)
    try {
      await next()
    } finally {
      if (outgoing === undefined || outgoing.closed) hold.release()
    }
  })
}
