import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { errorResponses } from '../http/error-responses.ts'
import type { HttpEnv } from '../http/http-env.ts'
import type { OpenApiDocument } from '../http/openapi-document.ts'
import { renderPage } from '../reference/render-page.ts'

const docsRoute = createRoute({
  method: 'get',
  path: '/docs',
  tags: ['operation'],
  summary: 'This reference as a page',
  responses: {
    200: { description: 'the page', content: { 'text/html': { schema: z.string() } } },
    ...errorResponses(),
  },
})

const cssFile = new URL('../reference/reference.css', import.meta.url)

export function addDocs(app: OpenAPIHono<HttpEnv>, document: () => OpenApiDocument) {
  app.openAPIRegistry.registerPath(docsRoute)
  app.get(docsRoute.path, async (c) => {
    const css = await readFile(cssFile, 'utf8')
    c.header('content-security-policy', onlyStyle(css))
    c.header('x-content-type-options', 'nosniff')
    return c.html(renderPage(document(), css))
  })
}

/** The page may show itself in its own style; it may run, load and send nothing. */
function onlyStyle(css: string): string {
  const hash = createHash('sha256').update(css).digest('base64')
  return `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
}
