import { OpenAPIHono } from '@hono/zod-openapi'
import { ApiError } from '../shared/errors.ts'
import { parseSigningKeys } from '../shared/signing.ts'
import type { HttpEnv } from './http/http-env.ts'
import { openApiDocument } from './http/openapi-document.ts'
import { accessLog } from './middleware/access-log.ts'
import { apiKey } from './middleware/api-key.ts'
import { bodyMemory } from './middleware/body-memory.ts'
import { onError } from './middleware/on-error.ts'
import { requestId } from './middleware/request-id.ts'
import { signedRequest } from './middleware/signed-request.ts'
import { addBatches } from './routes/batches.ts'
import { addChatCompletions } from './routes/chat-completions.ts'
import { addDocs } from './routes/docs.ts'
import { addHealthRoutes } from './routes/health.ts'
import { addJobs } from './routes/jobs.ts'
import { addMetrics } from './routes/metrics.ts'
import { addModels } from './routes/models.ts'
import { addMultimodalCompletions } from './routes/multimodal-completions.ts'
import { addOpenApi } from './routes/openapi.ts'
import { addPlayground } from './routes/playground.ts'
import { addStatus } from './routes/status.ts'
import { addTokenize } from './routes/tokenize.ts'
import type { Server } from './server.ts'

/** The route table. */
export function createApp(server: Server): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>()
  app.use(requestId())
  app.use(accessLog(server.log, server.metrics))
  if (server.tracing !== null) app.use(server.tracing.middleware())
  app.use(bodyMemory(server.memory, server.config.maxBodyBytes))
  app.use(signedRequest(server, server.config.signingKey.flatMap(parseSigningKeys)))
  app.use(apiKey(server.config.apiKey))

  addHealthRoutes(app, () => server.view(), server.version)
  addStatus(app, server)
  addMetrics(app, server)
  addModels(app, server)
  addMultimodalCompletions(app, server)
  addChatCompletions(app, server)
  addTokenize(app, server)
  if (server.jobs !== null) {
    addJobs(app, server, server.jobs)
    addBatches(app, server, server.jobs)
  }
  addPlayground(app)
  addOpenApi(app, () => document)
  addDocs(app, () => document)
  const document = openApiDocument(app, server.version)

  const handleError = onError(server.log)
  app.onError(handleError)
  app.notFound((c) => {
    const allowed = methodsOf(app, c.req.path)
    if (allowed.length === 0)
      return handleError(new ApiError('not_found', `there is no ${c.req.path} here`), c)
    c.header('allow', allowed.join(', '))
    return handleError(new ApiError('method_not_allowed', `${c.req.path} takes ${allowed.join(', ')}`), c)
  })
  return app
}

/** Methods some route answers at this path; parameters in braces or after a colon match one segment. */
function methodsOf(app: OpenAPIHono<HttpEnv>, path: string): string[] {
  const matches = (pattern: string) => {
    const segments = pattern.split('/')
    const given = path.split('/')
    return segments.length === given.length && segments.every((s, i) => s.startsWith(':') || s === given[i])
  }
  const methods = app.routes
    .filter((route) => route.method !== 'ALL' && !route.path.includes('*') && matches(route.path))
    .map((route) => route.method)
  return [...new Set(methods)]
}
