import { createHash, timingSafeEqual } from 'node:crypto'
import { createMiddleware } from 'hono/factory'
import { ApiError } from '../../shared/errors.ts'
import type { HttpEnv } from '../http/http-env.ts'

const openPaths = new Set(['/', '/docs', '/health', '/livez', '/openapi.json', '/readyz'])

/** Open whatever the keys: orchestrators and people who open a page have none yet, and these tell nothing about anybody. */
export function isOpen(path: string): boolean {
  return openPaths.has(path) || path.startsWith('/playground/')
}

const digest = (key: string) => createHash('sha256').update(key).digest()

/**
 * Lets in whom the edge vouches for and who holds one of the keys, and names the caller; without keys everybody else
 * is one caller. Only digests
 * are compared, all of them and in constant time, so that neither a key's length nor its first characters leak.
 */
export function apiKey(keys: readonly string[]) {
  const digests = keys.map(digest)
  return createMiddleware<HttpEnv>(async function apiKey(c, next) {
    const signed = c.get('signed')
    if (signed !== null) {
      c.set('callerId', `tenant:${signed.claims.tenant}`)
      return next()
    }
    c.set('callerId', 'anonymous')
    if (digests.length === 0 || isOpen(c.req.path)) return next()
    const given = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1]
    if (given === undefined) {
      throw new ApiError('invalid_api_key', 'an API key is required: send it as "Authorization: Bearer KEY"')
    }
    const presented = digest(given)
    const matches = digests.filter((known) => timingSafeEqual(known, presented))
    if (matches.length === 0) throw new ApiError('invalid_api_key', 'this API key is not known here')
    c.set('callerId', `key:${presented.toString('hex').slice(0, 32)}`)
    return next()
  })
}
