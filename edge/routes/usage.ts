import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { ApiError } from '../../shared/errors.ts'
import { holderUsage } from '../admin/schemas.ts'
import { authenticate, credentialsOf } from '../authenticate.ts'
import { errorResponses } from '../error-responses.ts'
import type { HttpEnv } from '../http-env.ts'

const usageRoute = createRoute({
  method: 'get',
  path: '/v1/usage',
  tags: ['usage'],
  summary: 'What this API key has used, and what is left of its limits',
  security: [{ apiKey: [] }],
  middleware: [authenticate()] as const,
  responses: {
    200: {
      description: 'limits now and use by day',
      content: { 'application/json': { schema: holderUsage } },
    },
    ...errorResponses(),
  },
})

export function addUsageRoute(app: OpenAPIHono<HttpEnv>) {
  app.openapi(usageRoute, async (c) => {
    const { KEYS } = c.env
    const view = await KEYS.get(KEYS.idFromName(c.get('key').id)).holderView(credentialsOf(c))
    if (!view) throw new ApiError('invalid_api_key', 'this API key is not valid')
    const { reports, days, jobs, models, ...rest } = view
    const limits = reports.map(({ name, limit, remaining, fullMs }) => ({
      name,
      limit,
      remaining,
      resets_in_ms: Math.ceil(fullMs),
    }))
    const known = { ...rest, models: models === null ? null : [...models], open_jobs: jobs }
    return c.json({ ...known, limits, days: [...days] }, 200)
  })
}
