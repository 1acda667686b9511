import { ApiError } from '../../shared/errors.ts'
import { withDeadline } from '../with-deadline.ts'
import type { KeyAnswer, KeyOperation } from './operations.ts'

/** Sends operations to a key's object. Made anew for each request: a stub belongs to the request that made it. */
type SendOperations = (keyId: string, operations: readonly KeyOperation[]) => Promise<KeyAnswer[]>

/** What a request lends to the client: its own way to the objects, and a promise to see calls through. */
export interface RequestScope {
  readonly send: SendOperations
  waitUntil(promise: Promise<unknown>): void
}

interface Waiting {
  readonly operation: KeyOperation
  resolve(answer: KeyAnswer): void
  reject(error: unknown): void
}

interface Queue {
  readonly waiting: Waiting[]
  /** Start of each call under way, ms. */
  readonly calls: Set<{ readonly startMs: number }>
}

/** Calls to one object at a time; what comes meanwhile travels together in the next. */
const maxCalls = 2
const maxBatch = 64
/** A call older than this was lost with the request that made it. */
const callTimeoutMs = 10_000
/** Calls one request makes for others before it leaves that to them. */
const maxRounds = 50

/**
 * Asks key objects, at most two calls at a time for each. An idle key is asked at once; under load many operations
 * share a call, so a busy key costs its object and this isolate little more than a quiet one.
 */
export class KeyClient {
  readonly #queues = new Map<string, Queue>()

  /** @throws ApiError `not_ready` when the object fails or does not answer in time. */
  async ask(keyId: string, operation: KeyOperation, scope: RequestScope): Promise<KeyAnswer> {
    const queue = this.#queues.get(keyId) ?? { waiting: [], calls: new Set() }
    this.#queues.set(keyId, queue)
    const { promise, resolve, reject } = Promise.withResolvers<KeyAnswer>()
    queue.waiting.push({ operation, resolve, reject })
    this.#pump(keyId, queue, scope)
    try {
      return await promise
    } finally {
      // Whoever sent the last batch may be gone; each asker sees to those behind it.
      this.#pump(keyId, queue, scope)
      this.#forgetIdle(keyId, queue)
    }
  }

  #pump(keyId: string, queue: Queue, scope: RequestScope) {
    const nowMs = Date.now()
    for (const call of queue.calls) if (nowMs - call.startMs > callTimeoutMs) queue.calls.delete(call)
    if (queue.waiting.length > 0 && queue.calls.size < maxCalls)
      scope.waitUntil(this.#send(keyId, queue, scope))
  }

  async #send(keyId: string, queue: Queue, scope: RequestScope) {
    for (let round = 0; round < maxRounds && queue.waiting.length > 0; round++) {
      const batch = queue.waiting.splice(0, maxBatch)
      const call = { startMs: Date.now() }
      queue.calls.add(call)
      try {
        const operations = batch.map(({ operation }) => operation)
        const late = 'the API key could not be checked in time'
        const answers = await withDeadline(scope.send(keyId, operations), callTimeoutMs, late)
        for (const [index, waiting] of batch.entries()) {
          const answer = answers[index]
          if (answer) waiting.resolve(answer)
          else waiting.reject(new Error('the key object left an operation unanswered'))
        }
      } catch (cause) {
        const error = new ApiError('not_ready', 'the API key could not be checked', { retryAfterS: 1, cause })
        for (const waiting of batch) waiting.reject(error)
      } finally {
        queue.calls.delete(call)
      }
    }
    this.#forgetIdle(keyId, queue)
  }

  #forgetIdle(keyId: string, queue: Queue) {
    if (queue.waiting.length === 0 && queue.calls.size === 0) this.#queues.delete(keyId)
  }
}
