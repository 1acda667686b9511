import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { batchSchema, jobFields, jobQuery, jobSchema } from '../../shared/job-schema.ts'
import { settlementAnswer, settlementRequest, settlementsPath } from '../../shared/settlement.ts'
import { authenticate } from '../authenticate.ts'
import { errorResponses, runErrors } from '../error-responses.ts'
import type { HttpEnv } from '../http-env.ts'
import { batchEndpoint, jobEndpoint } from './job-endpoints.ts'
import { batchOf, jobOf, resultsOf } from './read-jobs.ts'
import { submitJobs } from './submit-jobs.ts'
import { takeSettlements } from './take-settlements.ts'

const submitErrors = [...runErrors, 'not_found'] as const
const readErrors = [
  'invalid_request',
  'permission_denied',
  'not_found',
  'backend_unreachable',
  'deadline_exceeded',
] as const

const common = { tags: ['jobs'], security: [{ apiKey: [] }] }
const params = z.object({ id: z.string() })
const headers = z.object({
  'Idempotency-Key': z.string().min(1).max(255).optional().openapi({
    description: 'Submitting the same again with the same key gives the same jobs.',
  }),
})
const json = <T extends z.ZodType>(schema: T) => ({ 'application/json': { schema } })
const jsonLines = { 'application/jsonl': { schema: z.string() } }
const location = { Location: { schema: { type: 'string' as const }, description: 'where it is read' } }

const routes = [
  createRoute({
    ...common,
    method: 'post',
    path: '/v1/jobs',
    summary: 'Ask now, read the answer later',
    request: {
      headers,
      body: {
        required: true,
        content: {
          ...json(jobFields),
          'multipart/form-data': {
            schema: jobFields.extend({ image: z.any().openapi({ type: 'string', format: 'binary' }) }),
          },
        },
      },
    },
    responses: {
      202: { description: 'accepted: the queue has it', content: json(jobSchema), headers: location },
      ...errorResponses(...submitErrors),
    },
  }),
  createRoute({
    ...common,
    method: 'get',
    path: '/v1/jobs/{id}',
    request: { params, query: jobQuery },
    responses: {
      200: { description: 'the job as it is now', content: json(jobSchema) },
      ...errorResponses(...readErrors),
    },
  }),
  createRoute({
    ...common,
    method: 'delete',
    path: '/v1/jobs/{id}',
    summary: 'End a job; one that has ended stays as it is',
    request: { params },
    responses: {
      200: { description: 'the job as it is then', content: json(jobSchema) },
      ...errorResponses(...readErrors),
    },
  }),
  createRoute({
    ...common,
    method: 'post',
    path: '/v1/batches',
    summary: 'Up to 1000 jobs at once, one JSON object a line: all are accepted or none',
    request: { headers, body: { required: true, content: jsonLines } },
    responses: {
      202: { description: 'accepted: the queue has them all', content: json(batchSchema), headers: location },
      ...errorResponses(...submitErrors),
    },
  }),
  createRoute({
    ...common,
    method: 'get',
    path: '/v1/batches/{id}',
    summary: 'How far a batch is',
    request: { params },
    responses: {
      200: { description: 'the counts', content: json(batchSchema) },
      ...errorResponses(...readErrors),
    },
  }),
  createRoute({
    ...common,
    method: 'get',
    path: '/v1/batches/{id}/results',
    summary: "A batch's jobs as they are now, one a line, in the order of its lines",
    request: { params },
    responses: {
      200: { description: 'a line is `null` for a job whose result has expired', content: jsonLines },
      ...errorResponses(...readErrors),
    },
  }),
  createRoute({
    method: 'post',
    path: settlementsPath,
    tags: ['backend'],
    summary: 'What jobs have really taken: from the backends alone, signed with a settlement key',
    request: { body: { required: true, content: json(settlementRequest) } },
    responses: {
      200: { description: 'settled, but for those named', content: json(settlementAnswer) },
      ...errorResponses('invalid_signature', 'body_too_large', 'deadline_exceeded'),
    },
  }),
]

/** Jobs as the backends have them, with keys and quotas in front of them. */
export function addJobRoutes(app: OpenAPIHono<HttpEnv>) {
  for (const route of routes) app.openAPIRegistry.registerPath(route)
  app.post('/v1/jobs', authenticate(), (c) => submitJobs(c, jobEndpoint))
  app.get('/v1/jobs/:id', authenticate(), jobOf)
  app.delete('/v1/jobs/:id', authenticate(), jobOf)
  app.post('/v1/batches', authenticate(), (c) => submitJobs(c, batchEndpoint))
  app.get('/v1/batches/:id', authenticate(), batchOf)
  app.get('/v1/batches/:id/results', authenticate(), resultsOf)
  app.post(settlementsPath, takeSettlements)
}
