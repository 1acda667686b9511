import type { JobClaim } from '../../shared/claims.ts'
import { prefersAsync } from '../../shared/prefer.ts'
import { type CompletionEndpoint, multimodalEndpoint } from '../endpoints.ts'
import type { HttpContext } from '../http-env.ts'
import type { Lease } from '../keys/lease.ts'

/** The claim of a request whose caller would rather have a job than a refusal (`Prefer: respond-async`). */
export function mayBecomeJob(c: HttpContext, endpoint: CompletionEndpoint, lease: Lease): { job?: JobClaim } {
  const { SETTLEMENT_KEYS } = c.get('services').settings
  const asked = endpoint === multimodalEndpoint && prefersAsync(c.req.header('prefer'))
  if (!asked || SETTLEMENT_KEYS === undefined) return {}
  return { job: { keyId: c.get('key').id, reservation: lease.id, once: null } }
}
