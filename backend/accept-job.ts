import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { parseRequest } from '../shared/parse-request.ts'
import type { HttpEnv } from './http-env.ts'
import { jobBody } from './job-body.ts'
import { queuedRecord } from './jobs/job-record.ts'
import type { NewJob } from './jobs/jobs.ts'
import type { JobService } from './start-jobs.ts'

export const idempotencyHeaders = z.object({
  'idempotency-key': z.string().min(1).max(255).optional().openapi({
    description: 'Submitting the same body again with the same key gives the same job.',
  }),
})

/** Who submits, and under which key. @throws {ApiError} `invalid_request`. */
export function submitOptions(c: Context<HttpEnv>) {
  const given = { 'idempotency-key': c.req.header('idempotency-key') }
  const idempotencyKey = parseRequest(idempotencyHeaders, given)['idempotency-key'] ?? null
  return { callerId: c.get('callerId'), idempotencyKey }
}

/** Submits the job and says where it is: 202 only once the queue has it. */
export async function acceptJob(
  c: Context<HttpEnv>,
  { jobs }: JobService,
  newJob: NewJob,
): Promise<Response> {
  const options = submitOptions(c)
  const id = await jobs.submit(newJob, options)
  c.get('access')['job_id'] = id
  c.header('location', `/v1/jobs/${id}`)
  // It is accepted, whether or not Redis still answers: only a repeated key's job may be further than queued.
  const queued = queuedRecord({ id, fields: ['caller', options.callerId] })
  return c.json(jobBody(await jobs.read(id, options.callerId).catch(() => queued)), 202)
}
