import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { errorResponses } from '../http/error-responses.ts'
import type { HttpEnv } from '../http/http-env.ts'
import type { ServerState } from '../state.ts'

const healthSchema = z
  .object({
    status: z.enum(['healthy', 'loading', 'draining', 'unhealthy']),
    model: z.string().optional(),
    device: z.string().optional(),
    version: z.string(),
  })
  .openapi('Health')

const content = { 'application/json': { schema: healthSchema } }
const responses = {
  200: { description: 'ready to answer', content },
  503: { description: 'loading, draining or unhealthy', content, headers: retryAfterHeader() },
}

const healthRoute = createRoute({ method: 'get', path: '/health', tags: ['operation'], responses })
const readyRoute = createRoute({ method: 'get', path: '/readyz', tags: ['operation'], responses })
const liveRoute = createRoute({
  method: 'get',
  path: '/livez',
  tags: ['operation'],
  responses: {
    200: { description: 'the process answers', content: { 'text/plain': { schema: z.string() } } },
    ...errorResponses(),
  },
})

function retryAfterHeader() {
  return { 'Retry-After': { schema: { type: 'integer' as const }, description: 'seconds' } }
}

/** Seconds after which asking again makes sense: a model loads in seconds to minutes. */
const RETRY_AFTER_S = '5'

/** `/health` for people and load balancers, `/readyz` and `/livez` for orchestrators. */
export function addHealthRoutes(app: OpenAPIHono<HttpEnv>, state: () => ServerState, version: string) {
  const health = () => {
    const now = state()
    const services = now.status === 'healthy' || now.status === 'draining' ? now.services : null
    const model = services === null ? {} : { model: services.model.name, device: services.model.device }
    return { status: now.status, ...model, version }
  }
  for (const route of [healthRoute, readyRoute]) {
    app.openapi(route, (c) => {
      const body = health()
      if (body.status === 'healthy') return c.json(body, 200)
      return c.json(body, 503, { 'retry-after': RETRY_AFTER_S })
    })
  }
  app.openapi(liveRoute, (c) => c.text('ok', 200))
}
