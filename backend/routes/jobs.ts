import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { MultimodalRequest } from '../../shared/completion-schema.ts'
import { ApiError } from '../../shared/errors.ts'
import { jobFields, jobQuery, jobSchema, webhookField } from '../../shared/job-schema.ts'
import { parseRequest } from '../../shared/parse-request.ts'
import { formRequest, imageInputs } from '../completion/multimodal-request.ts'
import { attachedImages } from '../completion/start-completion.ts'
import { acceptJob, idempotencyHeaders } from '../deferral/accept-job.ts'
import { jobBody } from '../deferral/job-body.ts'
import { checkJobRequest } from '../deferral/job-fields.ts'
import { jobRequest } from '../deferral/job-request.ts'
import type { JobService } from '../deferral/start-jobs.ts'
import { errorResponses } from '../http/error-responses.ts'
import type { HttpEnv, SignedRequest } from '../http/http-env.ts'
import { mediaTypeOf, parseForm, parseJson, readBody } from '../http/read-body.ts'
import type { NewJob } from '../jobs/submission.ts'
import type { Server } from '../server.ts'

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
  request: { params, query: jobQuery },
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
    const newJob = await readJob(c.req.raw, server.config.maxBodyBytes, c.get('signed'))
    if (newJob.webhook !== null) service.checkWebhook(newJob.webhook)
    return acceptJob(c, service, newJob)
  })
  app.get('/v1/jobs/:id', async (c) => {
    const { wait = 0 } = parseRequest(jobQuery, c.req.query())
    const record = await jobs.wait(c.req.param('id'), c.get('callerId'), wait * 1000, c.req.raw.signal)
    return c.json(jobBody(record), 200)
  })
  app.delete('/v1/jobs/:id', async (c) => {
    const id = c.req.param('id')
    await jobs.cancel(id, c.get('callerId'))
    return c.json(jobBody(await jobs.read(id, c.get('callerId'))), 200)
  })
}

async function readJob(raw: Request, maxBodyBytes: number, signed: SignedRequest | null): Promise<NewJob> {
  const contentType = raw.headers.get('content-type') ?? ''
  const mediaType = mediaTypeOf(raw)
  if (mediaType === 'application/json') {
    const job = toJob(parseJson(await readBody(raw, maxBodyBytes)), signed)
    return { ...job, maxTotalTokens: signed?.claims.maxTotalTokens ?? null }
  }
  if (mediaType !== 'multipart/form-data') {
    throw new ApiError('unsupported_media_type', 'send application/json or multipart/form-data')
  }
  const form = await parseForm(await readBody(raw, maxBodyBytes), contentType)
  const [webhook] = form.get('webhook') ?? []
  form.delete('webhook')
  const { request, images } = await formRequest(form)
  return toJob({ ...jobRequest(request, images), ...(webhook === undefined ? {} : { webhook }) }, null)
}

/**
 * The job a request asks for, with its pictures where the edge has sent them along.
 * @throws {ApiError} what is wrong with the request.
 */
export function toJob({ webhook, ...fields }: Record<string, unknown>, signed: SignedRequest | null): NewJob {
  const checked = checkJobRequest(fields)
  const whole = signed === null ? checked : withPictures(checked, signed)
  const job = { request: JSON.stringify(whole), webhook: null, maxTotalTokens: null }
  if (webhook === undefined) return job
  return { ...job, webhook: parseRequest(z.object({ webhook: webhookField }), { webhook }).webhook }
}

function withPictures({ image, ...request }: MultimodalRequest, signed: SignedRequest): MultimodalRequest {
  return jobRequest(request, attachedImages(imageInputs(image), signed))
}
