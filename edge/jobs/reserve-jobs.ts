import type { HttpContext } from '../http-env.ts'
import type { KeyAnswer } from '../keys/operations.ts'
import type { HeldLease } from '../limits/durable-ledger.ts'
import { withDeadline } from '../with-deadline.ts'
import type { JobDemand } from './job-book.ts'

const timeoutMs = 10_000
const releaseAttempts = 4
const firstRetryMs = 50
const late = 'the API key could not be checked in time'

/** Moves what a lease reserved to jobs that outlive its request. @throws ApiError when the key's object does not answer */
export function reserveJobs(
  c: HttpContext,
  lease: HeldLease,
  jobs: readonly JobDemand[],
): Promise<KeyAnswer> {
  return withDeadline<KeyAnswer>(keyObject(c).reserveJobs(lease, jobs), timeoutMs, late)
}

/**
 * Gives back what jobs reserved that were refused. Tries several times; after that it stands as used.
 * @throws ApiError when the key's object does not answer
 */
export async function releaseJobs(
  c: HttpContext,
  leaseId: string,
  jobs: number,
  inDoubt: boolean,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await withDeadline<void>(keyObject(c).releaseJobs(leaseId, jobs, inDoubt), timeoutMs, late)
    } catch (error) {
      if (attempt === releaseAttempts) throw error
      await scheduler.wait(firstRetryMs * 2 ** attempt)
    }
  }
}

function keyObject(c: HttpContext) {
  const { KEYS } = c.env
  return KEYS.get(KEYS.idFromName(c.get('key').id))
}
