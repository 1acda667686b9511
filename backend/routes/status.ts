import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { errorResponses } from '../http/error-responses.ts'
import type { HttpEnv } from '../http/http-env.ts'
import type { Server } from '../server.ts'

export const statusSchema = z
  .object({
    model: z.string(),
    device: z.string(),
    slots: z.int().openapi({ description: 'Answers written at once, at most.' }),
    running: z.int().openapi({ description: 'Requests that hold a slot.' }),
    waiting: z.int().openapi({ description: 'Requests in the queue.' }),
    generated_tokens: z.int().openapi({ description: 'Written since the start; it only grows.' }),
    busy_ms: z.number().openapi({ description: 'Time the model has worked since the start; it only grows.' }),
    limits: z.object({
      context_length: z.int().openapi({ description: 'Tokens of prompt and answer together.' }),
      images: z.int(),
      image_bytes: z.int(),
    }),
  })
  .openapi('Status')

const statusRoute = createRoute({
  method: 'get',
  path: '/v1/status',
  tags: ['operation'],
  summary: 'What the model is doing now, and the limits of a request',
  responses: {
    200: { description: 'the load', content: { 'application/json': { schema: statusSchema } } },
    ...errorResponses('not_ready', 'draining'),
  },
})

/** For people who look and clients that plan; unlike `/health` it takes a key where there are keys. */
export function addStatus(app: OpenAPIHono<HttpEnv>, server: Server) {
  app.openapi(statusRoute, (c) => {
    const { model, engine } = server.services()
    const { slots, running, waiting, counters } = engine.stats()
    return c.json(
      {
        model: model.name,
        device: model.device,
        slots,
        running,
        waiting,
        generated_tokens: counters.generatedTokens,
        busy_ms: Math.round(counters.encodeMs + counters.prefillMs + counters.decodeMs),
        limits: {
          context_length: model.contextLength,
          images: server.config.maxImages,
          image_bytes: server.config.maxImageBytes,
        },
      },
      200,
    )
  })
}
