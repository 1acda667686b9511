import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { errorResponses } from '../http/error-responses.ts'
import type { HttpEnv } from '../http/http-env.ts'
import type { Server } from '../server.ts'

const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  tags: ['operation'],
  summary: "Prometheus's text format",
  responses: {
    200: { description: 'every metric', content: { 'text/plain': { schema: z.string() } } },
    ...errorResponses(),
  },
})

/** Takes a key where there are keys: what a server does is its owner's business. */
export function addMetrics(app: OpenAPIHono<HttpEnv>, server: Server) {
  app.openAPIRegistry.registerPath(metricsRoute)
  app.get(metricsRoute.path, async (c) => {
    const { jobs, metrics, state } = server
    const services = state.status === 'healthy' || state.status === 'draining' ? state.services : null
    const { contentType, text } = await metrics.scrape({
      state: state.status,
      engine: services?.engine.stats() ?? null,
      jobs: jobs === null ? null : { running: jobs.running(), depths: await jobs.depths() },
    })
    return c.body(text, 200, { 'content-type': contentType })
  })
}
