import { createMiddleware } from 'hono/factory'
import { ApiError } from '../../shared/errors.ts'
import type { HttpEnv } from '../http-env.ts'
import { equalText, hashSecret } from '../keys/key-format.ts'

/** Lets in who holds the operator's credential. API keys are none. */
export function adminToken() {
  return createMiddleware<HttpEnv>(async function adminToken(c, next) {
    const given = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? ''
    const { ADMIN_TOKEN } = c.get('services').settings
    // Hashes are equally long, so the comparison's time tells nothing of the token.
    if (!equalText(await hashSecret(given), await hashSecret(ADMIN_TOKEN))) {
      throw new ApiError('invalid_api_key', 'the admin token is not valid')
    }
    await next()
  })
}
