import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { chatRequest } from '../shared/chat-schema.ts'
import { multimodalChunk, multimodalRequest, multimodalResponse } from '../shared/completion-schema.ts'
import { jobSchema } from '../shared/job-schema.ts'
import { errorResponses, runErrors } from './error-responses.ts'
import type { HttpEnv } from './http-env.ts'

const refusals = [...runErrors, 'model_not_found', 'idempotency_in_progress'] as const

const headers = z.object({
  'Idempotency-Key': z
    .string()
    .min(1)
    .max(255)
    .optional()
    .openapi({ description: 'Runs and charges once; a repeated request gets the same answer for 24 hours.' }),
})

const multimodalHeaders = headers.extend({
  Prefer: z.string().optional().openapi({
    description: '`respond-async`: when the queue is full, a job (202) instead of 503, where there are jobs.',
  }),
})

const common = { method: 'post' as const, tags: ['completions'], security: [{ apiKey: [] }] }

const multimodalRoute = createRoute({
  ...common,
  path: '/v1/multimodal/completions',
  summary: 'A picture and a question in, clean text out',
  request: {
    headers: multimodalHeaders,
    body: {
      required: true,
      content: {
        'application/json': { schema: multimodalRequest },
        'multipart/form-data': {
          schema: multimodalRequest.extend({ image: z.any().openapi({ type: 'string', format: 'binary' }) }),
        },
      },
    },
  },
  responses: {
    200: {
      description: 'the answer; with `stream`, as events that end with `data: [DONE]`',
      content: {
        'application/json': { schema: multimodalResponse },
        'text/event-stream': { schema: multimodalChunk },
      },
    },
    202: {
      description: 'with `Prefer: respond-async`, when the queue is full',
      content: { 'application/json': { schema: jobSchema } },
    },
    ...errorResponses(...refusals),
  },
})

const openAiObject = z.looseObject({})

const chatRoute = createRoute({
  ...common,
  path: '/v1/chat/completions',
  summary: "OpenAI's chat completions, with pictures",
  request: { headers, body: { required: true, content: { 'application/json': { schema: chatRequest } } } },
  responses: {
    200: {
      description: "OpenAI's answer or stream of chunks",
      content: {
        'application/json': { schema: openAiObject },
        'text/event-stream': { schema: openAiObject },
      },
    },
    ...errorResponses(...refusals),
  },
})

const modelsRoute = createRoute({
  ...common,
  method: 'get' as const,
  path: '/v1/models',
  summary: 'The models served',
  responses: {
    200: { description: "OpenAI's list", content: { 'application/json': { schema: openAiObject } } },
    ...errorResponses('backend_unreachable', 'queue_full'),
  },
})

/** Serves the document of the API and of its administration at `/openapi.json`. */
export function addOpenApi(app: OpenAPIHono<HttpEnv>) {
  for (const route of [multimodalRoute, chatRoute, modelsRoute]) app.openAPIRegistry.registerPath(route)
  const scheme = { type: 'http', scheme: 'bearer' } as const
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    ...scheme,
    description: 'An API key.',
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'adminToken', {
    ...scheme,
    description: 'The operator’s credential.',
  })
  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'GLM-4.6V-Flash-WEB', version: '1' } })
}
