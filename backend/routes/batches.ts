import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { ApiError } from '../../shared/errors.ts'
import { batchSchema, linesOf, lineTypes, signedBatch } from '../../shared/job-schema.ts'
import { parseRequest } from '../../shared/parse-request.ts'
import { idempotencyHeaders, submitOptions, tellingDoubt } from '../deferral/accept-job.ts'
import { jobBody } from '../deferral/job-body.ts'
import type { JobService } from '../deferral/start-jobs.ts'
import { errorResponses } from '../http/error-responses.ts'
import type { HttpEnv, SignedRequest } from '../http/http-env.ts'
import { mediaTypeOf, parseJson, readBody } from '../http/read-body.ts'
import type { BatchRecord, Jobs } from '../jobs/jobs.ts'
import type { NewJob } from '../jobs/submission.ts'
import type { Server } from '../server.ts'
import { toJob } from './jobs.ts'

const MAX_LINES = 10_000
const RESULTS_PAGE = 100

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
    const signed = c.get('signed')
    const { maxBodyBytes } = server.config
    const newJobs = await (signed === null
      ? readLines(c.req.raw, maxBodyBytes)
      : readSignedLines(c.req.raw, maxBodyBytes, signed))
    for (const { webhook } of newJobs) if (webhook !== null) service.checkWebhook(webhook)
    const id = await tellingDoubt(c, jobs.submitBatch(newJobs, submitOptions(c, service)))
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
  if (!lineTypes.includes(mediaTypeOf(raw))) {
    throw new ApiError('unsupported_media_type', `send ${lineTypes.join(' or ')}`)
  }
  const lines = linesOf(new TextDecoder().decode(await readBody(raw, maxBodyBytes)))
  if (lines.length === 0 || lines.length > MAX_LINES) {
    throw new ApiError('invalid_request', `a batch has 1 to ${MAX_LINES} lines, not ${lines.length}`)
  }
  return lines.map(({ line, number }) => readLine(line, number))
}

/** A batch the edge has taken in: its lines as JSON, and what each may take. @throws {ApiError} what is wrong with it. */
async function readSignedLines(raw: Request, maxBodyBytes: number, signed: SignedRequest): Promise<NewJob[]> {
  const { lines } = parseRequest(signedBatch, parseJson(await readBody(raw, maxBodyBytes)))
  if (lines.length !== signed.limits.length || lines.length > MAX_LINES) {
    throw new ApiError('invalid_request', `a signed batch has 1 to ${MAX_LINES} lines, each with its limit`)
  }
  return lines.map((line, index) => ({
    ...toJob(line, signed),
    maxTotalTokens: signed.limits[index] ?? null,
  }))
}

/** @throws {ApiError} naming the line and what is wrong in it. */
function readLine(line: string, number: number): NewJob {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return toJob({ ...value }, null)
  } catch (error) {
    if (!(error instanceof ApiError)) throw new ApiError('invalid_json', `line ${number} is not valid JSON`)
    const { code, message, param } = error
    throw new ApiError(code, `line ${number}: ${message}`, param === null ? {} : { param })
  }
  throw new ApiError('invalid_json', `line ${number} must be a JSON object`)
}
