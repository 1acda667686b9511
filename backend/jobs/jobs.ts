import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { ApiError } from '../../shared/errors.ts'
import type { JobQueue } from './job-queue.ts'
import { isOver, type JobRecord, type JobStatus } from './job-record.ts'
import { isOutOfMemory, queueUnavailable } from './redis-link.ts'
import type { ResultsTail } from './results-tail.ts'
import { FateUnknownError, type NewJob, NothingSentError, type Submission } from './submission.ts'

export interface SubmitOptions {
  readonly callerId: string
  /** Repeating a submission under the same key gives the same job. */
  readonly idempotencyKey: string | null
  /** For jobs that came through the edge; null: they did not. */
  readonly edge: EdgeSubmission | null
}

interface EdgeSubmission {
  /** `<API key's id>/<reservation>`: where it is settled what the jobs took. */
  readonly reservation: string
  /** What the caller asked, if under an Idempotency-Key: pictures fetched anew may be other bytes. */
  readonly fingerprint: string | null
}

export interface BatchRecord {
  readonly id: string
  readonly createdMs: number
  readonly total: number
  readonly done: number
  readonly dead: number
  readonly cancelled: number
}

/** Redis refuses a submission that reaches it later than this. */
const SUBMIT_TIMEOUT_MS = 2500
/** For a connection that is just being mended; then the caller is told. */
const SUBMIT_PATIENCE_MS = 1000
const RETRY_PAUSE_MS = 100
/** Callers that wait here for the end of a job; one more hears at once how it stands. */
const MAX_WAITING = 1000
/** How long a submission of unknown fate is tried to be taken back. */
const WITHDRAW_PATIENCE_MS = 120_000
const WITHDRAW_EVERY_MS = 1000
const MAX_WITHDRAWALS = 1000

/** The jobs as HTTP callers see them: each its own, and 503 instead of half an answer while Redis is away. */
export class Jobs {
  readonly #queue: JobQueue
  readonly #tail: ResultsTail
  readonly #closing = new AbortController()
  readonly #withdrawals = new Set<Promise<void>>()
  #waiting = 0

  constructor(queue: JobQueue, tail: ResultsTail) {
    this.#queue = queue
    this.#tail = tail
  }

  /**
   * Accepts one job: when this resolves, Redis has it.
   * @throws {ApiError} `queue_full`, `not_ready` (Redis is away; a `FateUnknownError` for an edge's job that may have been
   *   accepted all the same), `idempotency_mismatch`.
   */
  async submit(job: NewJob, options: SubmitOptions): Promise<string> {
    return this.#submit([job], null, options)
  }

  /** Accepts all jobs or none, under one id. @throws {ApiError} as `submit`. */
  async submitBatch(jobs: readonly NewJob[], options: SubmitOptions): Promise<string> {
    return this.#submit(jobs, `batch_${randomUUID().replaceAll('-', '')}`, options)
  }

  /** @throws {ApiError} `not_found`, for another caller's job too; `not_ready`. */
  async read(id: string, callerId: string): Promise<JobRecord> {
    const record = await answered(() => this.#queue.read(id))
    if (record === null || record.caller !== callerId) throw unknown(id)
    return record
  }

  /** The record once the job has ended, or after `timeoutMs` as it is then. @throws {ApiError} as `read`. */
  async wait(id: string, callerId: string, timeoutMs: number, signal: AbortSignal): Promise<JobRecord> {
    const early = await this.read(id, callerId)
    if (isOver(early.status) || timeoutMs <= 0 || this.#waiting >= MAX_WAITING) return early
    const listening = await answered(() => this.#tail.listen(id))
    const late = new AbortController()
    const stop = AbortSignal.any([signal, late.signal])
    this.#waiting += 1
    try {
      const now = await this.read(id, callerId)
      if (isOver(now.status)) return now
      // Woken by the end, the time-out or the client's departure: all lead to a last look.
      await Promise.race([listening.ended, delay(timeoutMs, undefined, { signal: stop }).catch(() => {})])
    } finally {
      this.#waiting -= 1
      late.abort()
      listening.leave()
    }
    return this.read(id, callerId)
  }

  /** Ends a job; a running one stops at its backend's next renewal. @returns the status it has then. */
  async cancel(id: string, callerId: string): Promise<JobStatus> {
    await this.read(id, callerId)
    return answered(() => this.#queue.cancel(id))
  }

  /** @throws {ApiError} `not_found`, for another caller's batch too; `not_ready`. */
  async readBatch(id: string, callerId: string): Promise<BatchRecord> {
    const hash = /^batch_[0-9a-f]{32}$/.test(id) ? await answered(() => this.#queue.readBatch(id)) : null
    if (hash === null || hash['caller'] !== callerId) throw unknown(id)
    const count = (name: string) => Number(hash[name] ?? 0)
    return {
      id,
      createdMs: count('created'),
      total: count('total'),
      done: count('done'),
      dead: count('dead'),
      cancelled: count('cancelled'),
    }
  }

  /** A page of a batch's records, in the order of its lines; null for one that has expired. */
  async batchPage(id: string, from: number, count: number): Promise<readonly (JobRecord | null)[]> {
    const ids = await answered(() => this.#queue.batchJobs(id, from, count))
    return answered(() => Promise.all(ids.map((job) => this.#queue.read(job))))
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all(this.#withdrawals)
    await this.#tail.close()
  }

  async #submit(jobs: readonly NewJob[], batch: string | null, options: SubmitOptions): Promise<string> {
    const { callerId, idempotencyKey, edge } = options
    const submission: Submission = {
      token: tokenOf(options),
      digest:
        edge?.fingerprint ?? sha256(...jobs.flatMap(({ request, webhook }) => [request, webhook ?? ''])),
      caller: callerId,
      batch,
      reservation: edge?.reservation ?? null,
      jobs,
    }
    let cause: unknown
    let sent = false
    const untilMs = performance.now() + SUBMIT_PATIENCE_MS
    do {
      try {
        return await this.#queue.submit(submission, SUBMIT_TIMEOUT_MS)
      } catch (error) {
        if (error instanceof ApiError) throw error
        if (isOutOfMemory(error)) throw queueUnavailable(error)
        cause = error
        sent ||= !(error instanceof NothingSentError)
        await delay(RETRY_PAUSE_MS)
      }
    } while (performance.now() < untilMs)
    // The edge asks other backends under the same token: taking it back here would end what was accepted there.
    if (edge !== null) throw sent ? new FateUnknownError(cause) : queueUnavailable(cause)
    // Who has a key may ask again and find the job; without one nobody could, so it must not run.
    if (idempotencyKey === null) this.#withdrawLater(submission.token)
    throw queueUnavailable(cause)
  }

  #withdrawLater(token: string): void {
    if (this.#withdrawals.size >= MAX_WITHDRAWALS) return
    const withdrawal = this.#withdraw(token).finally(() => this.#withdrawals.delete(withdrawal))
    this.#withdrawals.add(withdrawal)
  }

  async #withdraw(token: string): Promise<void> {
    const { signal } = this.#closing
    const untilMs = performance.now() + WITHDRAW_PATIENCE_MS
    while (!signal.aborted && performance.now() < untilMs) {
      try {
        await this.#queue.withdraw(token)
        return
      } catch {
        await delay(WITHDRAW_EVERY_MS, undefined, { signal }).catch(() => {}) // Redis is still away
      }
    }
  }
}

/** What makes two submissions one: the caller's key, else the edge's reservation, which it names in each of its tries. */
function tokenOf({ callerId, idempotencyKey, edge }: SubmitOptions): string {
  if (idempotencyKey !== null) return sha256(callerId, idempotencyKey)
  return edge === null ? randomUUID() : sha256('reservation', edge.reservation)
}

const unknown = (id: string) =>
  new ApiError(
    'not_found',
    `there is no job or batch ${JSON.stringify(id)} of yours, or its result has expired`,
  )

/** @throws {ApiError} `not_ready` when Redis did not answer. */
async function answered<T>(command: () => Promise<T>): Promise<T> {
  try {
    return await command()
  } catch (error) {
    throw error instanceof ApiError ? error : queueUnavailable(error)
  }
}

/** Over the parts and their lengths, so that no two lists of parts are alike. */
function sha256(...parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}:`).update(part)
  return hash.digest('hex')
}
