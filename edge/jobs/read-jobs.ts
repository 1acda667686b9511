import { ApiError } from '../../shared/errors.ts'
import { jobQuery } from '../../shared/job-schema.ts'
import { parseRequest } from '../../shared/parse-request.ts'
import { credentialsOf } from '../authenticate.ts'
import { answerWhole } from '../forward/answer-whole.ts'
import { type HttpContext, scopeOf } from '../http-env.ts'
import { requireGranted } from '../keys/lease.ts'
import { limitHeaders } from '../limit-headers.ts'
import { RequestLife } from '../request-life.ts'
import { askBackend, nothingHeard } from './ask-backend.ts'

/** Beyond what the caller asked to wait. */
const timeoutMs = 10_000
/** A batch has up to a thousand results. */
const resultsTimeoutMs = 300_000
const idPattern = /^[\w-]{1,64}$/

/** `GET` and `DELETE /v1/jobs/:id`. Takes nothing of the key's limits. */
export async function jobOf(c: HttpContext): Promise<Response> {
  const { wait } = parseRequest(jobQuery, c.req.query())
  const query = c.req.method === 'GET' && wait !== undefined ? `?wait=${wait}` : ''
  return passOn(c, `/v1/jobs/${idOf(c)}${query}`, timeoutMs + (wait ?? 0) * 1000)
}

/** `GET /v1/batches/:id`. */
export async function batchOf(c: HttpContext): Promise<Response> {
  return passOn(c, `/v1/batches/${idOf(c)}`, timeoutMs)
}

/** `GET /v1/batches/:id/results`. */
export async function resultsOf(c: HttpContext): Promise<Response> {
  return passOn(c, `/v1/batches/${idOf(c)}/results`, resultsTimeoutMs)
}

/** @throws ApiError `not_found` for what cannot be an id */
function idOf(c: HttpContext): string {
  const id = c.req.param('id') ?? ''
  if (idPattern.test(id)) return id
  throw new ApiError('not_found', 'there is no such job or batch')
}

/** The backend's own answer. Whose job it is the backend judges, by the tenant in the claims. */
async function passOn(c: HttpContext, target: string, lifeMs: number): Promise<Response> {
  const { keys, now } = c.get('services')
  const who = await credentialsOf(c)
  const life = new RequestLife(c.req.raw.signal, lifeMs, now)
  let streams = false
  try {
    const asked = keys.ask(c.get('key').id, { type: 'identify', who }, scopeOf(c))
    const granted = requireGranted(await life.unlessStopped(asked))
    const response = await askBackend(
      c,
      {
        method: c.req.method === 'DELETE' ? 'DELETE' : 'GET',
        target,
        body: null,
        contentType: '',
        claims: {
          tenant: granted.tenant,
          requestId: c.get('requestId'),
          deadlineMs: life.deadlineMs,
          maxTotalTokens: 1,
        },
        signal: life.signal,
      },
      nothingHeard(),
    )
    const contentType = response.headers.get('content-type') ?? 'application/json'
    const headers = { 'content-type': contentType, ...limitHeaders(granted.reports) }
    streams = response.ok && contentType.startsWith('application/jsonl')
    if (streams) return new Response(response.body, { headers })
    const { text } = await answerWhole(response)
    return new Response(text, { status: response.status, headers })
  } catch (error) {
    throw life.reasonFor(error)
  } finally {
    if (!streams) life.close()
  }
}
