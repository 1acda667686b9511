import type { Context } from 'hono'
import type { MultimodalRequest } from '../../shared/completion-schema.ts'
import { ApiError } from '../../shared/errors.ts'
import { prefersAsync } from '../../shared/prefer.ts'
import type { HttpEnv } from '../http/http-env.ts'
import type { Server } from '../server.ts'
import { acceptJob } from './accept-job.ts'

/**
 * What a caller gets who would rather have the answer later than a refusal (`Prefer: respond-async`, RFC 7240), when
 * the queue is full: a job.
 * @throws the refusal itself, from a server without jobs or to a caller who did not ask.
 */
export async function respondAsync(
  c: Context<HttpEnv>,
  server: Server,
  refusal: unknown,
  request: () => MultimodalRequest,
): Promise<Response> {
  const full = refusal instanceof ApiError && refusal.code === 'queue_full'
  const signed = c.get('signed')
  // The edge says what its caller prefers by a claim: it alone knows that somebody will pay for the job.
  const asked =
    signed === null
      ? prefersAsync(c.req.header('prefer'))
      : signed.claims.job !== undefined && server.jobs?.settles
  if (!full || asked !== true || server.jobs === null) throw refusal
  const { stream: _, ...wanted } = request()
  const maxTotalTokens = signed?.claims.maxTotalTokens ?? null
  const response = await acceptJob(c, server.jobs, {
    request: JSON.stringify(wanted),
    webhook: null,
    maxTotalTokens,
  })
  response.headers.set('preference-applied', 'respond-async')
  return response
}
