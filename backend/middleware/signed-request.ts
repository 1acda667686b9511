import { createMiddleware } from 'hono/factory'
import { ApiError } from '../../shared/errors.ts'
import { headerNames } from '../../shared/headers.ts'
import { MemoryNonceStore } from '../../shared/nonce-store.ts'
import { verifySignedRequest } from '../../shared/signed-request.ts'
import type { SigningKey } from '../../shared/signing.ts'
import { readWireBody } from '../../shared/wire-body.ts'
import type { HttpEnv } from '../http/http-env.ts'
import { readBody } from '../http/read-body.ts'
import type { Server } from '../server.ts'

/**
 * Lets in what the edge has admitted: the signature over line, claims and digest is checked before the body is read,
 * the digest before anything runs. From then on the request is plain JSON, its pictures are at hand as bytes, and its
 * caller is the tenant the edge named. Unsigned requests pass as they are and are trusted with nothing.
 * @throws {ApiError} `invalid_signature`
 */
export function signedRequest(server: Server, keys: readonly SigningKey[]) {
  const nonces = new MemoryNonceStore()
  return createMiddleware<HttpEnv>(async function signedRequest(c, next) {
    c.set('signed', null)
    const { raw, method } = c.req
    const { pathname, search } = new URL(c.req.url)
    const head = { method, target: pathname + search, headers: raw.headers }
    const verified = await verifySignedRequest(head, { keys, nonces, nowMs: Date.now() })
    if (verified === null) return next()

    const body = await readBody(raw, server.config.maxBodyBytes)
    await verified.checkBody(body)
    if (body.length === 0) {
      c.set('signed', { claims: verified.claims, attachments: [], limits: [] })
      await next()
      reportLoad(server, c.res.headers)
      return
    }
    const { request, attachments, limits } = await openWireBody(body, raw.headers.get('content-type') ?? '')
    const headers = new Headers(raw.headers)
    headers.set('content-type', 'application/json')
    headers.delete('content-length')
    c.req.raw = new Request(raw.url, { method, headers, body: JSON.stringify(request), signal: raw.signal })
    c.set('signed', { claims: verified.claims, attachments, limits })
    await next()
    reportLoad(server, c.res.headers)
    return
  })
}

async function openWireBody(body: Uint8Array<ArrayBuffer>, contentType: string) {
  try {
    return await readWireBody(body, contentType)
  } catch (cause) {
    throw new ApiError('invalid_request', 'the body of a signed request must be multipart with a JSON part', {
      cause,
    })
  }
}

/** Tells the edge how busy this backend is, so that it can choose between several. */
function reportLoad(server: Server, headers: Headers) {
  if (server.state.status !== 'healthy') return
  const { waiting, freeSlots } = server.state.services.engine.stats()
  headers.set(headerNames.queueDepth, String(waiting))
  headers.set(headerNames.freeSlots, String(freeSlots))
}
