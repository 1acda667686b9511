import type { Context } from 'hono'
import type { MultimodalRequest } from '../shared/completion-schema.ts'
import { ApiError } from '../shared/errors.ts'
import { acceptJob } from './accept-job.ts'
import type { HttpEnv } from './http-env.ts'
import type { Server } from './server.ts'

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
  const asked = (c.req.header('prefer') ?? '').split(/[,;]/).some((token) => token.trim() === 'respond-async')
  // What the edge reserved for a request ends with it: nobody would pay for a job of the edge's.
  const fromEdge = c.get('signed') !== null
  if (!full || !asked || fromEdge || server.jobs === null) throw refusal
  c.header('preference-applied', 'respond-async')
  return acceptJob(c, server.jobs, { request: JSON.stringify(request()), webhook: null })
}
