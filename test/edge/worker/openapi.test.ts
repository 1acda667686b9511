import { expect, test } from 'vitest'
import { call } from './support.ts'

test('the document names every route of the API and of its administration', async () => {
  const response = await call('/openapi.json')
  const { paths } = (await response.json()) as { paths: Record<string, Record<string, unknown>> }
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  )
  expect(routes.sort()).toEqual([
    'delete /admin/keys/{id}',
    'delete /v1/jobs/{id}',
    'get /admin/keys',
    'get /admin/keys/{id}',
    'get /health',
    'get /livez',
    'get /v1/batches/{id}',
    'get /v1/batches/{id}/results',
    'get /v1/jobs/{id}',
    'get /v1/models',
    'get /v1/usage',
    'patch /admin/keys/{id}',
    'post /admin/keys',
    'post /admin/keys/{id}/rotate',
    'post /backend/settlements',
    'post /v1/batches',
    'post /v1/chat/completions',
    'post /v1/jobs',
    'post /v1/multimodal/completions',
  ])
})

test('a page of a configured origin alone may call the API', async () => {
  const preflight = await call('/v1/chat/completions', {
    method: 'OPTIONS',
    headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' },
  })
  expect(preflight.headers.get('access-control-allow-origin')).toBe('https://app.example')
  const other = await call('/livez', { headers: { origin: 'https://evil.example' } })
  expect(other.headers.get('access-control-allow-origin')).toBeNull()
  const refused = await call('/v1/usage', { headers: { origin: 'https://app.example' } })
  expect(refused.status).toBe(401)
  expect(refused.headers.get('access-control-allow-origin')).toBe('https://app.example')
})
