import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { errorResponses } from '../http/error-responses.ts'
import type { HttpEnv } from '../http/http-env.ts'
import type { OpenApiDocument } from '../http/openapi-document.ts'

const openApiRoute = createRoute({
  method: 'get',
  path: '/openapi.json',
  tags: ['operation'],
  summary: 'This document',
  responses: {
    200: {
      description: 'the OpenAPI 3.1 document',
      content: { 'application/json': { schema: z.looseObject({ openapi: z.string() }) } },
    },
    ...errorResponses(),
  },
})

export function addOpenApi(app: OpenAPIHono<HttpEnv>, document: () => OpenApiDocument) {
  app.openAPIRegistry.registerPath(openApiRoute)
  app.get(openApiRoute.path, (c) => c.json(document()))
}
