import type { OpenAPIHono } from '@hono/zod-openapi'
import { errorSchema } from '../../shared/error-schema.ts'
import { isOpen } from '../middleware/api-key.ts'
import type { HttpEnv } from './http-env.ts'

export type OpenApiDocument = ReturnType<OpenAPIHono['getOpenAPI31Document']>
type PathItem = NonNullable<OpenApiDocument['paths']>[string]
export type Operation = NonNullable<PathItem['get']>
export type Responses = NonNullable<Operation['responses']>

const methods = ['get', 'put', 'post', 'delete', 'patch'] as const

const headers = {
  RequestId: {
    description: "The request's name in the server's log: the caller's own `x-request-id`, or a new one.",
    schema: { type: 'string' },
  },
  RetryAfter: {
    description: 'Seconds after which to try again.',
    schema: { type: 'integer', minimum: 1 },
  },
  Challenge: { description: 'How to authenticate.', schema: { type: 'string' } },
} as const

const tags = [
  { name: 'completions', description: 'Questions about pictures, and their answers.' },
  { name: 'models', description: 'What is served here.' },
  { name: 'jobs', description: 'Answers that need not come at once. Only on servers with a queue.' },
  { name: 'operation', description: 'For whoever runs the server.' },
]

/**
 * The OpenAPI 3.1 document of every route the app has: made of the schemas that check the requests, so that it says
 * what is really accepted.
 */
export function openApiDocument(app: OpenAPIHono<HttpEnv>, version: string): OpenApiDocument {
  app.openAPIRegistry.register('Error', errorSchema)
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'GLM-4.6V-Flash-WEB',
      version,
      description:
        'A picture and a question in, clean text out, over plain HTTP. A path that is not here is a 404 `not_found`, a method that it does not take a 405 `method_not_allowed` with `Allow`.',
      license: { name: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags,
    security: [{ apiKey: [] }],
  })
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const { operation } of operationsOf(item)) describe(path, operation)
  }
  const components = {
    ...document.components,
    headers,
    securitySchemes: {
      apiKey: {
        type: 'http' as const,
        scheme: 'bearer',
        description: 'One of the keys the server was started with. A server started without keys is open.',
      },
    },
  }
  return { ...document, components }
}

/** The operations of one path, by method. */
export function operationsOf(item: PathItem): { method: string; operation: Operation }[] {
  return methods.flatMap((method) => {
    const operation = item[method]
    return operation === undefined ? [] : [{ method, operation }]
  })
}

/** What holds for every route is said once, here. */
function describe(path: string, operation: Operation) {
  const responses: Responses = operation.responses ?? {}
  if (isOpen(path)) operation.security = []
  for (const [status, response] of Object.entries<Responses[string]>(responses)) {
    response.headers = { ...response.headers, ...commonHeaders(status) }
  }
}

function commonHeaders(status: string) {
  const header = (name: keyof typeof headers) => ({ $ref: `#/components/headers/${name}` })
  return {
    'X-Request-Id': header('RequestId'),
    ...(status === '429' || status === '503' ? { 'Retry-After': header('RetryAfter') } : {}),
    ...(status === '401' ? { 'WWW-Authenticate': header('Challenge') } : {}),
  }
}
