import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { errorResponses } from '../error-responses.ts'
import type { Backend } from '../forward/forward.ts'
import type { HttpContext, HttpEnv } from '../http-env.ts'
import { backendsOf } from '../services.ts'

const probeTimeoutMs = 2000

const backendHealth = z.looseObject({ status: z.string() })
const healthSchema = z
  .object({
    status: z.enum(['healthy', 'unhealthy']),
    model: z.string().optional(),
    device: z.string().optional(),
    backends: z.array(z.object({ status: z.string(), in_use: z.boolean() })),
  })
  .openapi('EdgeHealth')

const content = { 'application/json': { schema: healthSchema } }

const healthRoute = createRoute({
  method: 'get',
  path: '/health',
  tags: ['operation'],
  responses: {
    200: { description: 'at least one backend answers', content },
    503: { description: 'no backend is ready', content },
  },
})
const liveRoute = createRoute({
  method: 'get',
  path: '/livez',
  tags: ['operation'],
  responses: {
    200: { description: 'the edge answers', content: { 'text/plain': { schema: z.string() } } },
    ...errorResponses(),
  },
})

/** `/health` asks every backend; `/livez` asks nobody. Backends are told apart by their order alone, not by address. */
export function addHealthRoutes(app: OpenAPIHono<HttpEnv>) {
  app.openapi(healthRoute, async (c) => {
    const { pool, settings } = c.get('services')
    const answers = await Promise.all(backendsOf(settings.BACKENDS, c.env).map(askHealth))
    const inUse = pool.status().map((state) => state.inUse)
    const backends = answers.map(({ status }, index) => ({ status, in_use: inUse[index] ?? false }))
    const healthy = answers.find(({ status }) => status === 'healthy')
    if (!healthy) return c.json({ status: 'unhealthy' as const, backends }, 503, { 'retry-after': '5' })
    return c.json({ status: 'healthy' as const, ...namesOf(healthy), backends }, 200)
  })
  app.openapi(liveRoute, (c: HttpContext) => c.text('ok', 200))
}

type BackendHealth = z.infer<typeof backendHealth>

async function askHealth(backend: Backend): Promise<BackendHealth> {
  try {
    const response = await backend.fetch('/health', { signal: AbortSignal.timeout(probeTimeoutMs) })
    return backendHealth.parse(await response.json())
  } catch {
    // Not reachable, too slow or no backend of ours: to the caller all the same.
    return { status: 'unreachable' }
  }
}

function namesOf({ model, device }: BackendHealth) {
  return {
    ...(typeof model === 'string' ? { model } : {}),
    ...(typeof device === 'string' ? { device } : {}),
  }
}
