import { OpenAPIHono } from '@hono/zod-openapi'
import { ApiError } from '../shared/errors.ts'
import { adminToken } from './admin/admin-token.ts'
import { addKeyRoutes } from './admin/key-routes.ts'
import { authenticate } from './authenticate.ts'
import { complete } from './complete.ts'
import { cors } from './cors.ts'
import { completionEndpoints } from './endpoints.ts'
import { envelope } from './envelope.ts'
import type { HttpEnv } from './http-env.ts'
import { addJobRoutes } from './jobs/routes.ts'
import { onError } from './on-error.ts'
import { addOpenApi } from './openapi.ts'
import { refuseInvalid } from './refuse-invalid.ts'
import { addHealthRoutes } from './routes/health.ts'
import { listModels } from './routes/models.ts'
import { addUsageRoute } from './routes/usage.ts'
import type { Services } from './services.ts'

/** The route table. */
export function createApp(services: Services): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>({ defaultHook: refuseInvalid })
  app.use(async (c, next) => {
    c.set('services', services)
    await next()
  })
  app.use(envelope())
  app.use(cors())

  for (const endpoint of completionEndpoints) {
    app.post(endpoint.path, authenticate(), (c) => complete(c, endpoint))
  }

  addJobRoutes(app)
  app.get('/v1/models', authenticate(), listModels)
  addUsageRoute(app)
  addHealthRoutes(app)

  app.use('/admin/*', adminToken())
  addKeyRoutes(app)
  addOpenApi(app)

  app.onError(onError)
  app.notFound((c) => {
    const allowed = methodsAt(app, c.req.path)
    if (allowed.length === 0) return onError(new ApiError('not_found', `there is no ${c.req.path} here`), c)
    c.header('allow', allowed.join(', '))
    return onError(new ApiError('method_not_allowed', `${c.req.path} takes ${allowed.join(', ')}`), c)
  })
  return app
}

/** Methods some route answers at this path; a segment after a colon matches anything. */
function methodsAt(app: OpenAPIHono<HttpEnv>, path: string): string[] {
  const given = path.split('/')
  const matches = (pattern: string) => {
    const segments = pattern.split('/')
    return (
      segments.length === given.length &&
      segments.every((part, i) => part.startsWith(':') || part === given[i])
    )
  }
  const routes = app.routes.filter(({ method, path: pattern }) => method !== 'ALL' && matches(pattern))
  return [...new Set(routes.map(({ method }) => method))]
}
