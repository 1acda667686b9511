import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { parseRequest } from '../shared/parse-request.ts'
import type { HttpEnv } from './http-env.ts'
import { jobBody } from './job-body.ts'
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
  const id = await jobs.submit(newJob, submitOptions(c))
  c.get('access')['job_id'] = id
  c.header('location', `/v1/jobs/${id}`)
  return c.json(jobBody(await jobs.read(id, c.get('callerId'))), 202)
}
