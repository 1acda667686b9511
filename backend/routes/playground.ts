import { fileURLToPath } from 'node:url'
import { serveStatic } from '@hono/node-server/serve-static'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { etag } from 'hono/etag'
import { secureHeaders } from 'hono/secure-headers'
import { errorResponses } from '../http/error-responses.ts'
import type { HttpEnv } from '../http/http-env.ts'

const playgroundRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['operation'],
  summary: 'A page to try the model on',
  responses: {
    200: { description: 'the page', content: { 'text/html': { schema: z.string() } } },
    ...errorResponses(),
  },
})

/** Only this server's own files may run or style the page; it asks nobody else, and nobody may frame it. */
const pageHeaders = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'blob:'],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
    requireTrustedTypesFor: ["'script'"],
    trustedTypes: ["'none'"],
  },
  permissionsPolicy: { camera: [], geolocation: [], microphone: [], payment: [], usb: [] },
  xFrameOptions: 'DENY',
  strictTransportSecurity: false, // whoever terminates TLS decides for the host
})

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The page, its files and the sample pictures. They are open whatever the keys: the API behind them is not. */
export function addPlayground(app: OpenAPIHono<HttpEnv>) {
  for (const path of ['/', '/playground/*']) {
    app.use(path, pageHeaders, etag(), async (c, next) => {
      await next()
      c.header('cache-control', 'no-cache') // asks again each time; unchanged files are 304
    })
  }
  app.openAPIRegistry.registerPath(playgroundRoute)
  app.get(playgroundRoute.path, serveStatic({ root: folder('../playground'), path: 'index.html' }))
  const below = (prefix: string, root: string) =>
    app.get(
      `${prefix}/*`,
      serveStatic({ root: folder(root), rewriteRequestPath: (path) => path.slice(prefix.length) }),
    )
  below('/playground/samples', '../../examples')
  below('/playground', '../playground')
}
