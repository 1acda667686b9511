import type { Claims } from '../../shared/claims.ts'
import { ApiError } from '../../shared/errors.ts'
import { headerNames } from '../../shared/headers.ts'

const path = /^\/v1\/(jobs|batches)(?:\/([\w-]+))?$/

/**
 * The stand-in's jobs: accepted and never run, since the test says what they take. The first prompt may be `refuse STATUS`,
 * or `doubt`: refused, though it may run all the same.
 */
export class StandInJobs {
  readonly #tenants = new Map<string, string>()

  /** null: it is no question about jobs. */
  read(request: Request, { tenant }: Claims): Response | null {
    const [, kind, id] = path.exec(new URL(request.url).pathname) ?? []
    if (kind === undefined || id === undefined) return null
    if (this.#tenants.get(id) !== tenant) return refusal(new ApiError('not_found', 'no such job of yours'))
    return Response.json(body(id, request.method === 'DELETE' ? 'cancelled' : 'queued'))
  }

  submit(pathname: string, prompt: string, { tenant }: Claims): Response {
    if (prompt === 'doubt') {
      return refusal(new ApiError('not_ready', 'who knows', { retryAfterS: 1 }), {
        [headerNames.inDoubt]: '1',
      })
    }
    if (prompt.startsWith('refuse')) {
      const code = prompt === 'refuse 422' ? 'idempotency_mismatch' : 'queue_full'
      return refusal(new ApiError(code, 'refused', { retryAfterS: 7 }))
    }
    const id = `${this.#tenants.size + 1}-0`
    this.#tenants.set(id, tenant)
    const headers = { location: `${pathname}/${id}`, 'preference-applied': 'respond-async' }
    return Response.json(body(id, 'queued'), { status: 202, headers })
  }
}

const body = (id: string, status: string) => ({
  id,
  object: 'job',
  status,
  created: 1,
  finished: null,
  attempts: 0,
  result: null,
  error: null,
})

function refusal(error: ApiError, more: Record<string, string> = {}): Response {
  const headers = {
    ...(error.retryAfterS === null ? {} : { 'retry-after': String(error.retryAfterS) }),
    ...more,
  }
  return Response.json(error.body(), { status: error.status, headers })
}
