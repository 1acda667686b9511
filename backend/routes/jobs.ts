import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { multimodalRequest } from '../../shared/completion-schema.ts'
import { ApiError } from '../../shared/errors.ts'
import { parseRequest } from '../../shared/parse-request.ts'
import { acceptJob, idempotencyHeaders } from '../accept-job.ts'
import { errorResponses } from '../error-responses.ts'
import type { HttpEnv } from '../http-env.ts'
import { jobBody, jobSchema } from '../job-body.ts'
import { checkJobRequest } from '../job-fields.ts'
import { jobRequest } from '../job-request.ts'
import type { NewJob } from '../jobs/jobs.ts'
import { formRequest } from '../multimodal-request.ts'
import { mediaTypeOf, parseForm, parseJson, readBody } from '../read-body.ts'
import type { Server } from '../server.ts'
import type { JobService } from '../start-jobs.ts'

const webhookField = z.url().max(2048).openapi({
  description: 'Where the job is posted once it has ended, signed as Standard Webhooks 1.0.',
})
const jobFields = multimodalRequest
  .omit({ stream: true })
  .extend({ webhook: webhookField.optional() })
  .openapi('JobRequest')

const query = z.object({
  wait: z.coerce
    .number()
    .int()
    .min(0)
    .max(60)
    .optional()
    .openapi({ description: 'Seconds to wait for the end of the job.' }),
})
const params = z.object({ id: z.string() })
const job = { 'application/json': { schema: jobSchema } }

const location = { Location: { schema: { type: 'string' as const }, description: 'where the job is read' } }

const submitJobRoute = createRoute({
  method: 'post',
  path: '/v1/jobs',
  tags: ['jobs'],
  summary: 'Ask now, read the answer later',
  request: {
    headers: idempotencyHeaders,
    body: { required: true, content: { 'application/json': { schema: jobFields } } },
  },
  responses: {
    202: { description: 'accepted: the queue has it', content: job, headers: location },
    ...errorResponses(
      'invalid_json',
      'invalid_request',
      'unsupported_parameter',
      'body_too_large',
      'unsupported_media_type',
      'idempotency_mismatch',
      'queue_full',
      'not_ready',
    ),
  },
})

const readJobRoute = createRoute({
  method: 'get',
  path: '/v1/jobs/{id}',
  tags: ['jobs'],
  request: { params, query },
  responses: {
    200: { description: 'the job as it is now', content: job },
    ...errorResponses('invalid_request', 'not_found', 'not_ready'),
  },
})

const cancelJobRoute = createRoute({
  method: 'delete',
  path: '/v1/jobs/{id}',
  tags: ['jobs'],
  summary: 'End a job; one that has ended stays as it is',
  request: { params },
  responses: {
    200: { description: 'the job as it is then', content: job },
    ...errorResponses('not_found', 'not_ready'),
  },
})

/** Jobs over HTTP: each belongs to the caller that submitted it. */
export function addJobs(app: OpenAPIHono<HttpEnv>, server: Server, service: JobService) {
  const { jobs } = service
  for (const route of [submitJobRoute, readJobRoute, cancelJobRoute]) app.openAPIRegistry.registerPath(route)

  app.post('/v1/jobs', async (c) => {
    const newJob = await readJob(c.req.raw, server.config.maxBodyBytes)
    if (newJob.webhook !== null) service.checkWebhook(newJob.webhook)
    return acceptJob(c, service, newJob)
  })
  app.get('/v1/jobs/:id', async (c) => {
    const { wait = 0 } = parseRequest(query, c.req.query())
    const record = await jobs.wait(c.req.param('id'), c.get('callerId'), wait * 1000, c.req.raw.signal)
    return c.json(jobBody(record), 200)
  })
  app.delete('/v1/jobs/:id', async (c) => {
    const id = c.req.param('id')
    await jobs.cancel(id, c.get('callerId'))
    return c.json(jobBody(await jobs.read(id, c.get('callerId'))), 200)
  })
}

async function readJob(raw: Request, maxBodyBytes: number): Promise<NewJob> {
  const contentType = raw.headers.get('content-type') ?? ''
  const mediaType = mediaTypeOf(raw)
  if (mediaType === 'application/json') return toJob(parseJson(await readBody(raw, maxBodyBytes)))
  if (mediaType !== 'multipart/form-data') {
    throw new ApiError('unsupported_media_type', 'send application/json or multipart/form-data')
  }
  const form = await parseForm(await readBody(raw, maxBodyBytes), contentType)
  const [webhook] = form.get('webhook') ?? []
  form.delete('webhook')
  const { request, images } = await formRequest(form)
  return toJob({ ...jobRequest(request, images), ...(webhook === undefined ? {} : { webhook }) })
}

/** @throws {ApiError} what is wrong with the request. */
export function toJob({ webhook, ...request }: Record<string, unknown>): NewJob {
  const checked = checkJobRequest(request)
  if (webhook === undefined) return { request: JSON.stringify(checked), webhook: null }
  const url = parseRequest(z.object({ webhook: webhookField }), { webhook }).webhook
  return { request: JSON.stringify(checked), webhook: url }
}
