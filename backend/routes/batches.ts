import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { ApiError } from '../../shared/errors.ts'
import { idempotencyHeaders, submitOptions } from '../accept-job.ts'
import { errorResponses } from '../error-responses.ts'
import type { HttpEnv } from '../http-env.ts'
import { jobBody } from '../job-body.ts'
import type { BatchRecord, Jobs, NewJob } from '../jobs/jobs.ts'
import { mediaTypeOf, readBody } from '../read-body.ts'
import type { Server } from '../server.ts'
import type { JobService } from '../start-jobs.ts'
import { toJob } from './jobs.ts'

const MAX_LINES = 10_000
const RESULTS_PAGE = 100
const mediaTypes = ['application/jsonl', 'application/x-ndjson', 'application/x-jsonlines']

const batchSchema = z
  .object({
    id: z.string(),
    object: z.literal('batch'),
    created: z.int().openapi({ description: 'Seconds since the epoch.' }),
    total: z.int(),
    open: z.int().openapi({ description: 'Jobs that have not ended.' }),
    done: z.int(),
    dead: z.int(),
    cancelled: z.int(),
  })
  .openapi('Batch')

const params = z.object({ id: z.string() })
const batch = { 'application/json': { schema: batchSchema } }
const jsonLines = { 'application/jsonl': { schema: z.string() } }

const submitBatchRoute = createRoute({
  method: 'post',
  path: '/v1/batches',
  tags: ['jobs'],
  summary: `Up to ${MAX_LINES} jobs at once, one JSON object a line: all are accepted or none`,
  request: { headers: idempotencyHeaders, body: { required: true, content: jsonLines } },
  responses: {
    202: { description: 'accepted: the queue has them all', content: batch },
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

const readBatchRoute = createRoute({
  method: 'get',
  path: '/v1/batches/{id}',
  tags: ['jobs'],
  summary: 'How far a batch is',
  request: { params },
  responses: {
    200: { description: 'the counts', content: batch },
    ...errorResponses('not_found', 'not_ready'),
  },
})

const batchResultsRoute = createRoute({
  method: 'get',
  path: '/v1/batches/{id}/results',
  tags: ['jobs'],
  summary: "A batch's jobs as they are now, one a line, in the order of its lines",
  request: { params },
  responses: {
    200: { description: 'a line is `null` for a job whose result has expired', content: jsonLines },
    ...errorResponses('not_found', 'not_ready'),
  },
})

/** Many jobs in one upload. */
export function addBatches(app: OpenAPIHono<HttpEnv>, server: Server, service: JobService) {
  const { jobs } = service
  for (const route of [submitBatchRoute, readBatchRoute, batchResultsRoute]) {
    app.openAPIRegistry.registerPath(route)
  }
  app.post('/v1/batches', async (c) => {
    const newJobs = await readLines(c.req.raw, server.config.maxBodyBytes)
    for (const { webhook } of newJobs) if (webhook !== null) service.checkWebhook(webhook)
    const id = await jobs.submitBatch(newJobs, submitOptions(c))
    c.header('location', `/v1/batches/${id}`)
    // It is accepted, whether or not Redis still answers: only a repeated key's batch may be further than this.
    const fresh = { id, createdMs: Date.now(), total: newJobs.length, done: 0, dead: 0, cancelled: 0 }
    return c.json(batchBody(await jobs.readBatch(id, c.get('callerId')).catch(() => fresh)), 202)
  })
  app.get('/v1/batches/:id', async (c) =>
    c.json(batchBody(await jobs.readBatch(c.req.param('id'), c.get('callerId'))), 200),
  )
  app.get('/v1/batches/:id/results', async (c) => {
    const { id, total } = await jobs.readBatch(c.req.param('id'), c.get('callerId'))
    const body = ReadableStream.from(resultLines(jobs, id, total)).pipeThrough(new TextEncoderStream())
    return c.body(body, 200, { 'content-type': 'application/jsonl' })
  })
}

function batchBody({
  id,
  createdMs,
  total,
  done,
  dead,
  cancelled,
}: BatchRecord): z.infer<typeof batchSchema> {
  const open = total - done - dead - cancelled
  return { id, object: 'batch', created: Math.floor(createdMs / 1000), total, open, done, dead, cancelled }
}

async function* resultLines(jobs: Jobs, id: string, total: number): AsyncGenerator<string> {
  for (let from = 0; from < total; from += RESULTS_PAGE) {
    const page = await jobs.batchPage(id, from, RESULTS_PAGE)
    yield page.map((record) => `${JSON.stringify(record === null ? null : jobBody(record))}\n`).join('')
  }
}

async function readLines(raw: Request, maxBodyBytes: number): Promise<NewJob[]> {
  const mediaType = mediaTypeOf(raw)
  if (!mediaTypes.includes(mediaType)) {
    throw new ApiError('unsupported_media_type', `send ${mediaTypes.join(' or ')}`)
  }
  const text = new TextDecoder().decode(await readBody(raw, maxBodyBytes))
  const lines = text
    .split('\n')
    .flatMap((line, index) => (line.trim() === '' ? [] : [{ line, number: index + 1 }]))
  if (lines.length === 0 || lines.length > MAX_LINES) {
    throw new ApiError('invalid_request', `a batch has 1 to ${MAX_LINES} lines, not ${lines.length}`)
  }
  return lines.map(({ line, number }) => readLine(line, number))
}

/** @throws {ApiError} naming the line and what is wrong in it. */
function readLine(line: string, number: number): NewJob {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return toJob({ ...value })
  } catch (error) {
    if (!(error instanceof ApiError)) throw new ApiError('invalid_json', `line ${number} is not valid JSON`)
    const { code, message, param } = error
    throw new ApiError(code, `line ${number}: ${message}`, param === null ? {} : { param })
  }
  throw new ApiError('invalid_json', `line ${number} must be a JSON object`)
}
