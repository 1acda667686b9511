import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { ApiError } from '../../shared/errors.ts'
import { headerNames } from '../../shared/headers.ts'
import { parseRequest } from '../../shared/parse-request.ts'
import type { HttpEnv } from '../http/http-env.ts'
import { queuedRecord } from '../jobs/job-record.ts'
import type { SubmitOptions } from '../jobs/jobs.ts'
import { FateUnknownError, type NewJob } from '../jobs/submission.ts'
import { jobBody } from './job-body.ts'
import type { JobService } from './start-jobs.ts'

export const idempotencyHeaders = z.object({
  'idempotency-key': z.string().min(1).max(255).optional().openapi({
    description: 'Submitting the same body again with the same key gives the same job.',
  }),
})

/**
 * Who submits, and under which key; of a signed request the edge says so.
 * @throws {ApiError} `invalid_request`; `unsupported_parameter` where the edge cannot be told what its jobs take.
 */
export function submitOptions(c: Context<HttpEnv>, service: JobService): SubmitOptions {
  const callerId = c.get('callerId')
  const signed = c.get('signed')
  if (signed === null) {
    const given = { 'idempotency-key': c.req.header('idempotency-key') }
    const idempotencyKey = parseRequest(idempotencyHeaders, given)['idempotency-key'] ?? null
    return { callerId, idempotencyKey, edge: null }
  }
  if (!service.settles) {
    const message = 'this server takes no jobs from an edge: it needs --edge-url and --settlement-key'
    throw new ApiError('unsupported_parameter', message)
  }
  const { job } = signed.claims
  if (job === undefined) throw new ApiError('invalid_request', 'the edge has reserved nothing for a job')
  const { keyId, reservation, once } = job
  return {
    callerId,
    idempotencyKey: once?.key ?? null,
    edge: { reservation: `${keyId}/${reservation}`, fingerprint: once?.fingerprint ?? null },
  }
}

/** Submits the job and says where it is: 202 only once the queue has it. */
export async function acceptJob(c: Context<HttpEnv>, service: JobService, newJob: NewJob): Promise<Response> {
  const { jobs } = service
  const options = submitOptions(c, service)
  const id = await tellingDoubt(c, jobs.submit(newJob, options))
  c.get('access')['job_id'] = id
  c.header('location', `/v1/jobs/${id}`)
  // It is accepted, whether or not Redis still answers: only a repeated key's job may be further than queued.
  const queued = queuedRecord({ id, fields: ['caller', options.callerId] })
  return c.json(jobBody(await jobs.read(id, options.callerId).catch(() => queued)), 202)
}

/** Tells the edge of a submission that may have been accepted although it is refused. */
export async function tellingDoubt<T>(c: Context<HttpEnv>, submission: Promise<T>): Promise<T> {
  try {
    return await submission
  } catch (error) {
    if (error instanceof FateUnknownError) c.header(headerNames.inDoubt, '1')
    throw error
  }
}
