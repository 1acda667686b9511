import { createMiddleware } from 'hono/factory'
import { routePath } from 'hono/route'
import type { HttpEnv } from '../http/http-env.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'

/** Probes come every few seconds and say nothing new; the page's files come by the dozen. */
const quietPaths = new Set(['/health', '/livez', '/readyz', '/metrics', '/v1/status'])
const isQuiet = (path: string) => quietPaths.has(path) || path.startsWith('/playground/')

/** One line a request, at its real end: for a stream, when the last byte left or the client did. */
export function accessLog(log: Log, metrics: Metrics) {
  return createMiddleware<HttpEnv>(async function accessLog(c, next) {
    const startMs = performance.now()
    c.set('access', {})
    await next()
    const write = () => {
      const { method, path } = c.req
      const status = c.res.status
      const fields = {
        request_id: c.get('requestId'),
        method,
        path,
        http_status: status,
        duration_ms: Math.round((performance.now() - startMs) * 10) / 10,
        ...c.get('access'),
        status: c.get('access')['status'] ?? (status < 400 ? 'success' : 'error'),
      }
      metrics.request(
        method,
        routePath(c, -1),
        status,
        errorCode(c.get('access')['error']),
        fields.duration_ms,
      )
      const level = isQuiet(path) ? 'debug' : status >= 500 ? 'error' : 'info'
      log[level](fields, 'Request processed')
    }
    const outgoing = c.env.outgoing
    if (outgoing === undefined || outgoing.closed) write()
    else outgoing.once('close', write)
  })
}

const errorCode = (value: unknown) => (typeof value === 'string' ? value : null)
