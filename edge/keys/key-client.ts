import { ApiError } from '../../shared/errors.ts'
import { describeError, log } from '../log.ts'
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
  reject(error: unknown, sender: RequestScope): void
}

interface Queue {
  readonly waiting: Waiting[]
  /** Start of each call under way, ms. */
  readonly calls: Set<{ readonly startMs: number }>
}

/** Calls to one object at a time; what comes meanwhile travels together in the next, which costs far less than calls. */
const maxCalls = 2
/** A second call is made beside one that takes this long: the object is far away. */
const slowCallMs = 50
/** After a call of so many operations the next one waits a little, so that still more share it. */
const busyBatch = 4
const gatherMs = 5
const maxBatch = 64
/** A call older than this was lost with the request that made it. */
const callTimeoutMs = 10_000
/** Calls one request makes for others before it leaves that to another who is calling. */
const maxRounds = 50
const tellAttempts = 4
const firstRetryMs = 50

/**
 * Asks key objects, one call at a time for each unless calls are slow. An idle key is asked at once; under load many
 * operations share a call, so a busy key costs its object and this isolate little more than a quiet one.
 */
export class KeyClient {
  readonly #queues = new Map<string, Queue>()

  /**
   * The asker must have a timer of its own: the platform takes one that only waits for another's call for hung.
   * @throws ApiError `not_ready` when the object fails or does not answer in time.
   */
  async ask(keyId: string, operation: KeyOperation, scope: RequestScope): Promise<KeyAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<KeyAnswer>()
    const queue = this.#enqueue(keyId, { operation, resolve, reject }, scope)
    try {
      return await promise
    } finally {
      // Whoever sent the last batch may be gone; each asker sees to those behind it.
      this.#pump(keyId, queue, scope)
      this.#forgetIdle(keyId, queue)
    }
  }

  /**
   * Hands an operation over without waiting for it: whoever calls the object next takes it along, so that a request is
   * not woken once more only to end. Tried several times.
   */
  tell(keyId: string, operation: KeyOperation, scope: RequestScope, attempt = 1) {
    const retry = async (error: unknown, sender: RequestScope) => {
      if (attempt === tellAttempts) {
        const { type } = operation
        return log('ERROR', 'A key object could not be told', { operation: type, ...describeError(error) })
      }
      await scheduler.wait(firstRetryMs * 2 ** attempt)
      this.tell(keyId, operation, sender, attempt + 1)
    }
    // Who told may be gone by then; who failed to send it is not.
    const reject = (error: unknown, sender: RequestScope) => sender.waitUntil(retry(error, sender))
    this.#enqueue(keyId, { operation, resolve() {}, reject }, scope)
  }

  #enqueue(keyId: string, waiting: Waiting, scope: RequestScope): Queue {
    const queue = this.#queues.get(keyId) ?? { waiting: [], calls: new Set() }
    this.#queues.set(keyId, queue)
    queue.waiting.push(waiting)
    this.#pump(keyId, queue, scope)
    return queue
  }

  #pump(keyId: string, queue: Queue, scope: RequestScope) {
    const nowMs = Date.now()
    for (const call of queue.calls) if (nowMs - call.startMs > callTimeoutMs) queue.calls.delete(call)
    const [first] = queue.calls
    const mayCall = !first || (queue.calls.size < maxCalls && nowMs - first.startMs >= slowCallMs)
    if (queue.waiting.length > 0 && mayCall) scope.waitUntil(this.#send(keyId, queue, scope))
  }

  async #send(keyId: string, queue: Queue, scope: RequestScope) {
    const othersCall = () => queue.calls.size > 0
    for (let round = 0; queue.waiting.length > 0 && !(round >= maxRounds && othersCall()); round++) {
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
          else waiting.reject(new Error('the key object left an operation unanswered'), scope)
        }
      } catch (cause) {
        const error = new ApiError('not_ready', 'the API key could not be checked', { retryAfterS: 1, cause })
        for (const waiting of batch) waiting.reject(error, scope)
      } finally {
        if (batch.length >= busyBatch) await scheduler.wait(gatherMs)
        queue.calls.delete(call)
      }
    }
    this.#forgetIdle(keyId, queue)
  }

  #forgetIdle(keyId: string, queue: Queue) {
    const idle = queue.waiting.length === 0 && queue.calls.size === 0
    // Another may have taken its place by now.
    if (idle && this.#queues.get(keyId) === queue) this.#queues.delete(keyId)
  }
}
