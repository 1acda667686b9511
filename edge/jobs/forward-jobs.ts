import type { JobClaim } from '../../shared/claims.ts'
import { answerWhole } from '../forward/answer-whole.ts'
import type { HttpContext } from '../http-env.ts'
import type { TakenIn } from '../intake/intake.ts'
import type { Lease } from '../keys/lease.ts'
import type { Use } from '../keys/operations.ts'
import { limitHeaders } from '../limit-headers.ts'
import { describeError, log } from '../log.ts'
import { RequestLife } from '../request-life.ts'
import { askBackend, nothingHeard } from './ask-backend.ts'
import { type JobDemand, sumOfDemands } from './job-book.ts'
import type { JobEndpoint } from './job-endpoints.ts'
import { releaseJobs, reserveJobs } from './reserve-jobs.ts'

/** The backend asks its queue for some seconds at most; the body has to get there first. */
const timeoutMs = 30_000

const nothingUsed: Use = { promptTokens: 0, completionTokens: 0, images: 0, imageBytes: 0, pixels: 0 }

/** Jobs ready to go: all pictures at hand. */
export interface ReadyJobs {
  readonly taken: TakenIn
  readonly jobs: readonly JobDemand[]
  readonly once: JobClaim['once']
}

/**
 * Reserves what the jobs may take, then hands them to a backend. Accepted jobs are settled by the backend; of refused ones
 * everything is given back. The lease ends with the submission, whatever becomes of it.
 * @throws ApiError what `ready` throws; a refusal
 */
export async function forwardJobs(
  c: HttpContext,
  endpoint: JobEndpoint,
  lease: Lease,
  ready: () => Promise<ReadyJobs>,
): Promise<Response> {
  const heard = nothingHeard()
  let reserved = 0
  let accepted = false
  try {
    const { taken, jobs, once } = await ready()
    reserved = jobs.length
    c.get('logFields')['jobs'] = jobs.length
    await lease.becomeJobs((held) => reserveJobs(c, held, jobs))
    const response = await ask(c, endpoint, lease, { taken, jobs, once }, heard)
    accepted = response.ok
    const { text } = await answerWhole(response)
    return new Response(text, { status: response.status, headers: headersOf(response, lease) })
  } finally {
    lease.settle(accepted ? null : nothingUsed)
    if (reserved > 0 && !accepted)
      c.executionCtx.waitUntil(tellFailure(releaseJobs(c, lease.id, reserved, heard.inDoubt)))
  }
}

async function ask(
  c: HttpContext,
  { path, parseLines }: JobEndpoint,
  lease: Lease,
  { taken, jobs, once }: ReadyJobs,
  heard: ReturnType<typeof nothingHeard>,
): Promise<Response> {
  const { now } = c.get('services')
  const { body, contentType } = taken.finish(parseLines && jobs.map(({ tokens }) => tokens))
  // The client's departure does not end it: whether its jobs were accepted must be known.
  const life = new RequestLife(new AbortController().signal, timeoutMs, now)
  try {
    const question = {
      method: 'POST' as const,
      target: path,
      body,
      contentType,
      claims: {
        tenant: lease.tenant,
        requestId: c.get('requestId'),
        deadlineMs: life.deadlineMs,
        maxTotalTokens: sumOfDemands(jobs).tokens,
        job: { keyId: c.get('key').id, reservation: lease.id, once },
      },
      signal: life.signal,
    }
    return await askBackend(c, question, heard)
  } finally {
    life.close()
  }
}

const passedHeaders = ['content-type', 'location', 'retry-after']

function headersOf(response: Response, lease: Lease): Record<string, string> {
  const headers: Record<string, string> = limitHeaders(lease.reports)
  for (const name of passedHeaders) {
    const value = response.headers.get(name)
    if (value !== null) headers[name] = value
  }
  return headers
}

/** What is not given back here is given back when the lease expires, or stands as used. */
async function tellFailure(end: Promise<void>): Promise<void> {
  await end.catch((error: unknown) =>
    log('ERROR', 'A submission of jobs was not ended', describeError(error)),
  )
}
