import { headerNames } from '../../shared/headers.ts'
import { contentDigestOf } from '../../shared/signing.ts'
import { credentialsOf } from '../authenticate.ts'
import { answerWhole } from '../forward/answer-whole.ts'
import { forward } from '../forward/forward.ts'
import { type HttpContext, scopeOf } from '../http-env.ts'
import { requireGranted } from '../keys/lease.ts'
import { limitHeaders } from '../limit-headers.ts'
import { backendsOf } from '../services.ts'
import { withDeadline } from '../with-deadline.ts'

const timeoutMs = 10_000

/** `GET /v1/models`: the backend's answer. Takes nothing of the key's limits. */
export async function listModels(c: HttpContext): Promise<Response> {
  const { keys, pool, sign, settings, now } = c.get('services')
  const who = credentialsOf(c)
  const asked = keys.ask(c.get('key').id, { type: 'identify', who }, scopeOf(c))
  const granted = requireGranted(
    await withDeadline(asked, timeoutMs, 'the API key could not be checked in time'),
  )
  const target = c.req.path
  const contentDigest = await contentDigestOf(new Uint8Array(0))
  const claims = {
    tenant: granted.tenant,
    requestId: c.get('requestId'),
    deadlineMs: now() + timeoutMs,
    maxTotalTokens: 1,
  }
  const { response, backend } = await forward('GET', target, {
    pool,
    backends: backendsOf(settings.BACKENDS, c.env),
    now,
    body: null,
    signal: AbortSignal.timeout(timeoutMs),
    headers: async () => ({
      ...(await sign({ method: 'GET', target, contentType: '', contentDigest, claims }, now())),
      [headerNames.requestId]: claims.requestId,
      [headerNames.traceparent]: c.get('traceparent'),
    }),
  })
  pool.ended(backend)
  const { text } = await answerWhole(response)
  const headers = { 'content-type': 'application/json', ...limitHeaders(granted.reports) }
  return new Response(text, { status: response.status, headers })
}
