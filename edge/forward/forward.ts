import { ApiError } from '../../shared/errors.ts'
import { headerNames } from '../../shared/headers.ts'
import type { BackendPool, LoadReport } from './backend-pool.ts'
import { sendableBody } from './send-body.ts'

export interface Backend {
  readonly name: string
  fetch(path: string, init: RequestInit): Promise<Response>
}

export interface ForwardOptions {
  readonly pool: BackendPool
  readonly backends: readonly Backend[]
  readonly now: () => number
  /** Headers of one attempt: each has its own signature, since a nonce counts once. */
  readonly headers: () => Promise<Record<string, string>>
  readonly body: Uint8Array<ArrayBuffer> | null
  /** Called when an attempt has sent the body. */
  readonly sent?: () => void
  readonly signal: AbortSignal
}

/** An answer, and the backend that is still working on it. */
export interface Forwarded {
  readonly response: Response
  readonly backend: string
}

const maxAttempts = 3
const defaultRetryAfterS = 1

/**
 * Sends a request to one backend, and to another one if the first did not begin to answer: it could not be reached,
 * or said 503, which promises that nothing was run. An answer that has begun is never asked for again.
 * @throws ApiError `queue_full` when all say 503, `backend_unreachable` when none can be reached
 */
export async function forward(method: string, path: string, options: ForwardOptions): Promise<Forwarded> {
  const { pool, backends, now, signal } = options
  const tried = new Set<string>()
  const waits: number[] = []
  let cause: unknown
  while (tried.size < maxAttempts) {
    const picked = pool.pick(tried)
    const backend = backends.find(({ name }) => name === picked)
    if (!backend) break
    tried.add(backend.name)
    pool.started(backend.name)
    try {
      const headers = await options.headers()
      const body = options.body && sendableBody(options.body, options.sent ?? (() => {}))
      const response = await backend.fetch(path, {
        method,
        headers,
        body,
        signal,
        redirect: 'manual',
      })
      pool.answered(backend.name, reportOf(response))
      if (response.status !== 503) return { response, backend: backend.name }
      await response.body?.cancel()
      waits.push(Number(response.headers.get('retry-after')) || defaultRetryAfterS)
    } catch (error) {
      // Our own signal ended it: the client left, or time is up. That says nothing about the backend.
      if (signal.aborted) {
        pool.ended(backend.name)
        throw signal.reason
      }
      cause = error
      pool.failed(backend.name, now())
    }
    pool.ended(backend.name)
  }
  if (waits.length > 0) {
    throw new ApiError('queue_full', 'all backends are busy', { retryAfterS: Math.min(...waits) })
  }
  throw new ApiError('backend_unreachable', 'the backend could not be reached', { cause })
}

/** Asks the ejected backends whose time is up whether they are ready. The promise given to `waitUntil` never rejects. */
export function probeEjected(
  pool: BackendPool,
  backends: readonly Backend[],
  nowMs: number,
  waitUntil: (probes: Promise<unknown>) => void,
) {
  const due = new Set(pool.takeProbes(nowMs))
  if (due.size === 0) return
  waitUntil(Promise.all(backends.filter(({ name }) => due.has(name)).map((backend) => probe(pool, backend))))
}

const probeTimeoutMs = 2000

async function probe(pool: BackendPool, backend: Backend) {
  try {
    const response = await backend.fetch('/readyz', { signal: AbortSignal.timeout(probeTimeoutMs) })
    await response.body?.cancel()
    if (response.ok) pool.answered(backend.name, null)
  } catch {
    // Still away: it stays ejected until its next probe.
  }
}

/** A backend that reports nothing is taken for what was known of it. */
function reportOf({ headers }: Response): LoadReport | null {
  const queueDepth = headers.get(headerNames.queueDepth)
  const freeSlots = headers.get(headerNames.freeSlots)
  if (queueDepth === null || freeSlots === null) return null
  return { queueDepth: Number(queueDepth) || 0, freeSlots: Number(freeSlots) || 0 }
}
