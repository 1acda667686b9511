import { createMiddleware } from 'hono/factory'
import { ApiError } from '../shared/errors.ts'
import type { HttpContext, HttpEnv } from './http-env.ts'
import type { Credentials } from './keys/check-access.ts'
import { equalText } from './keys/key-format.ts'

/** Refuses whoever brings no key of ours, without asking anybody. The key's object decides the rest. */
export function authenticate() {
  return createMiddleware<HttpEnv>(async function authenticate(c, next) {
    const header = c.req.header('authorization')
    if (header === undefined) {
      throw new ApiError('invalid_api_key', 'an API key is required: send it as "Authorization: Bearer KEY"')
    }
    const key = await c.get('services').genuineKeys.read(header)
    if (!key) throw new ApiError('invalid_api_key', 'this API key is not valid')
    c.set('key', key)
    c.get('logFields')['key_id'] = key.id
    await next()
  })
}

export function credentialsOf(c: HttpContext): Credentials {
  return { secretHash: c.get('key').secretHash, address: addressOf(c) }
}

/**
 * The client's address, from the one place that can know it; null when there is none. A header that anybody can send
 * counts only if the hop in front of us proves with its secret that it was the one to write it.
 */
function addressOf(c: HttpContext): string | null {
  const { CLIENT_ADDRESS, HOP_SECRET } = c.get('services').settings
  switch (CLIENT_ADDRESS) {
    case 'cloudflare':
      return c.req.header('cf-connecting-ip') ?? null
    case 'hop': {
      const proof = c.req.header('x-hop-secret')
      const proven = HOP_SECRET !== undefined && proof !== undefined && equalText(proof, HOP_SECRET)
      return proven ? (c.req.header('x-real-ip') ?? null) : null
    }
    case 'none':
      return null
  }
}
