import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { modelListSchema, modelSchema } from '../../shared/chat-response.ts'
import { errorResponses } from '../http/error-responses.ts'
import type { HttpEnv } from '../http/http-env.ts'
import { requireModel } from '../http/require-model.ts'
import type { Server } from '../server.ts'
import type { ServedModel } from '../services.ts'

const modelsRoute = createRoute({
  method: 'get',
  path: '/v1/models',
  tags: ['models'],
  summary: 'The model served here',
  responses: {
    200: {
      description: 'a list of one',
      content: { 'application/json': { schema: modelListSchema } },
    },
    ...errorResponses('not_ready', 'draining'),
  },
})

const modelRoute = createRoute({
  method: 'get',
  path: '/v1/models/{model}',
  tags: ['models'],
  summary: 'One model by its name',
  request: { params: z.object({ model: z.string().openapi({ example: 'glm4v-tiny' }) }) },
  responses: {
    200: { description: 'the model', content: { 'application/json': { schema: modelSchema } } },
    ...errorResponses('model_not_found', 'not_ready', 'draining'),
  },
})

export function addModels(app: OpenAPIHono<HttpEnv>, server: Server) {
  app.openapi(modelsRoute, (c) =>
    c.json({ object: 'list' as const, data: [modelBody(server.services().model)] }, 200),
  )
  app.openAPIRegistry.registerPath(modelRoute)
  // names may hold slashes, as the hubs' do
  app.get('/v1/models/:model{.+}', (c) => {
    const services = server.services()
    requireModel(services, c.req.param('model'))
    return c.json(modelBody(services.model), 200)
  })
}

function modelBody({ name, loadedAtS, contextLength }: ServedModel): z.infer<typeof modelSchema> {
  return {
    id: name,
    object: 'model',
    created: loadedAtS,
    owned_by: 'glm-4.6v-flash-web',
    max_context_length: contextLength,
  }
}
