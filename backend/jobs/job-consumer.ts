import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { ApiError } from '../../shared/errors.ts'
import { type Attempt, attemptKey, type TokensUsed } from './attempt.ts'
import type { JobLog } from './job-log.ts'
import { GROUP, type JobQueue, toEntries } from './job-queue.ts'
import { DEFAULT_CALLER, type JobEntry, valuesOf } from './job-record.ts'
import { queueKeys } from './queue-keys.ts'
import { abandoned, judgeFailure, toApiError } from './retry-policy.ts'

interface JobAnswer {
  /** The clean text alone, for producers that want no more. */
  readonly content: string
  /** JSON of the whole response. */
  readonly result: string
}

/** One attempt, as whoever runs it sees it. */
export interface JobRun {
  readonly callerId: string
  /** Prompt and answer together; null: the context alone bounds them. */
  readonly maxTotalTokens: number | null
  readonly signal: AbortSignal
  /** To be told what has been read and written so far, whenever that is more. */
  readonly onTokens: (used: TokensUsed) => void
}

/** @throws {ApiError} what is wrong with the job, or went wrong with this attempt. */
export type RunJob = (entry: JobEntry, run: JobRun) => Promise<JobAnswer>

export interface JobConsumerOptions {
  readonly queue: JobQueue
  /** For the blocking read alone, which holds up everything behind it. */
  readonly blocking: Redis
  /** Unique among all backends, ever. */
  readonly consumer: string
  /** How many more jobs could run now. */
  readonly room: () => number
  readonly run: RunJob
  readonly maxTries: number
  /** An attempt nobody renewed for so long is taken for dead. */
  readonly leaseMs: number
  readonly random: () => number
  readonly log: JobLog
}

/** How long one blocking read waits; also how late a due retry may be noticed. */
export const BLOCK_MS = 500
/** How often a full backend looks for room again. */
const ROOM_POLL_MS = 25
const MAX_BACKOFF_MS = 2000
const RECLAIM_PAGE = 64
/** A consumer silent for so long is another process's grave. */
const SILENT_MS = 3_600_000
/** What became of an attempt is written even through an outage, up to this long; then the lease decides. */
const WRITE_PATIENCE_MS = 600_000

/** For the last writes of a process that ends while Redis is away; the lease brings those jobs back. */
const CLOSE_GRACE_MS = 5000

interface Running {
  readonly attempt: Attempt
  readonly lost: AbortController
}

/**
 * Takes jobs from the stream while there is room and runs them. However often a job is taken, its end is written once:
 * every write names its attempt, and Redis refuses all but the newest.
 */
export class JobConsumer {
  readonly #options: JobConsumerOptions
  readonly #running = new Map<string, Running>()
  readonly #tasks = new Set<Promise<void>>()
  #freed = Promise.withResolvers<void>()
  readonly #stopTaking = new AbortController()
  readonly #closing = new AbortController()
  readonly #loops: readonly Promise<void>[]
  #hasGroup = false

  constructor(options: JobConsumerOptions) {
    this.#options = options
    const { leaseMs } = options
    this.#loops = [
      this.#loop(this.#stopTaking.signal, 0, () => this.#take()),
      this.#loop(this.#closing.signal, leaseMs / 5, () => this.#renew()),
      this.#loop(this.#stopTaking.signal, leaseMs / 2, () => this.#reclaim()),
    ]
  }

  /** Jobs being run here. */
  get running(): number {
    return this.#tasks.size
  }

  /** Takes no more jobs; what runs goes on. */
  stop(): void {
    this.#stopTaking.abort()
  }

  /** Waits for the ends of what runs, then leaves the group. Whoever runs the jobs must have been told to finish. */
  async close(): Promise<void> {
    this.stop()
    const late = new AbortController()
    await Promise.race([
      Promise.all(this.#tasks),
      delay(CLOSE_GRACE_MS, undefined, { signal: late.signal }).catch(() => {}), // no need to wait any more
    ])
    late.abort()
    this.#closing.abort()
    await Promise.all([...this.#tasks, ...this.#loops])
    const { consumer, queue } = this.#options
    await queue.leave(consumer, SILENT_MS).catch(() => {}) // a courtesy: an empty consumer costs Redis nothing
  }

  /** Repeats `step` until the signal; after a failure a little later each time, since Redis is away then. */
  async #loop(signal: AbortSignal, everyMs: number, step: () => Promise<void>): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      try {
        await this.#ensureGroup()
        await step()
        failures = 0
      } catch (error) {
        if (failures === 0) this.#options.log.warn({ err: error }, 'Jobs: Redis did not answer')
        failures += 1
      }
      const pauseMs = failures === 0 ? everyMs : Math.min(50 * 2 ** failures, MAX_BACKOFF_MS)
      if (pauseMs > 0) await delay(pauseMs, undefined, { signal }).catch(() => {}) // woken to stop
    }
  }

  /** A new Redis has neither the stream nor its group. */
  async #ensureGroup(): Promise<void> {
    if (this.#hasGroup) return
    await this.#options.queue.ensureGroup()
    this.#hasGroup = true
  }

  async #take(): Promise<void> {
    const { consumer, queue, room } = this.#options
    const count = room()
    if (count <= 0) {
      // The end of a job makes room at once; that of an HTTP request is seen a moment later.
      await Promise.race([this.#freed.promise, delay(ROOM_POLL_MS)])
      this.#freed = Promise.withResolvers()
      return
    }
    const due = await queue.takeDue(consumer, count)
    for (const entry of due) this.#start(entry)
    const left = Math.min(count - due.length, room())
    if (left <= 0 || this.#stopTaking.signal.aborted) return
    for (const entry of await this.#readNew(left)) this.#start(entry)
  }

  async #readNew(count: number): Promise<readonly JobEntry[]> {
    const { blocking, consumer } = this.#options
    try {
      const reply = await blocking.xreadgroup(
        'GROUP',
        GROUP,
        consumer,
        'COUNT',
        count,
        'BLOCK',
        BLOCK_MS,
        'STREAMS',
        queueKeys.queue,
        '>',
      )
      const [stream] = (reply ?? []) as [string, unknown][]
      return stream === undefined ? [] : toEntries(stream[1])
    } catch (error) {
      // The stream is gone.
      if (error instanceof Error && /NOGROUP|UNBLOCKED/.test(error.message)) this.#hasGroup = false
      throw error
    }
  }

  #start(entry: JobEntry): void {
    const task = this.#attempt(entry)
      .catch((error: unknown) => {
        // Nothing is lost: the entry is still ours, and its lease brings it back.
        this.#options.log.error({ job_id: entry.id, err: error }, 'Jobs: an attempt was left to its lease')
      })
      .finally(() => {
        this.#tasks.delete(task)
        this.#freed.resolve()
      })
    this.#tasks.add(task)
  }

  async #attempt(entry: JobEntry): Promise<void> {
    const { consumer, log, queue, run } = this.#options
    const caller = valuesOf(entry, 'caller')[0] ?? DEFAULT_CALLER
    const begun = await this.#patiently(() =>
      queue.begin(entry.id, consumer, caller, valuesOf(entry, 'webhook')[0] ?? ''),
    )
    if (begun.type === 'over') return
    if (begun.type === 'expired') {
      const error = new ApiError('deadline_exceeded', 'the job waited too long and was given up')
      await this.#patiently(() => queue.bury(begun, error.body()))
      return
    }
    const lost = new AbortController()
    const key = attemptKey(begun)
    this.#running.set(key, { attempt: begun, lost })
    const startMs = performance.now()
    let used: TokensUsed = { promptTokens: 0, completionTokens: 0 }
    const onTokens = (tokens: TokensUsed) => {
      used = tokens
    }
    try {
      const { caller: callerId, maxTotalTokens } = begun
      const answer = await run(entry, { callerId, maxTotalTokens, signal: lost.signal, onTokens })
      const written = await this.#patiently(() => queue.complete(begun, answer.content, answer.result, used))
      if (!written) await this.#patiently(() => queue.report(begun, used))
      log.info({ ...fields(begun, startMs), status: written ? 'success' : 'superseded' }, 'Job processed')
    } catch (error) {
      if (lost.signal.aborted) await this.#patiently(() => queue.report(begun, used))
      else await this.#fail(begun, error, startMs)
    } finally {
      this.#running.delete(key)
    }
  }

  async #fail(attempt: Attempt, thrown: unknown, startMs: number): Promise<void> {
    const { log, maxTries, queue, random } = this.#options
    const error = toApiError(thrown)
    const verdict = judgeFailure(error, attempt.tries, maxTries, random())
    log[error.status >= 500 ? 'error' : 'info'](
      {
        ...fields(attempt, startMs),
        status: 'error',
        error: error.code,
        next: verdict.type,
        err: error.cause,
      },
      'Job processed',
    )
    await this.#patiently(() =>
      verdict.type === 'bury'
        ? queue.bury(attempt, error.body())
        : queue.postpone(attempt, verdict.delayMs, error.body(), verdict.spared),
    )
  }

  /** Tells Redis what runs here; what another has taken over, or somebody cancelled, ends. */
  async #renew(): Promise<void> {
    const running = [...this.#running.values()]
    if (running.length === 0) return
    const { consumer, queue } = this.#options
    const lost = await queue.renew(
      consumer,
      running.map(({ attempt }) => attempt),
    )
    const reason = new ApiError('client_closed_request', 'the job was cancelled or runs elsewhere')
    for (const key of lost) this.#running.get(key)?.lost.abort(reason)
  }

  /** Gives the jobs of dead and stalled backends another try, or up: what kills backends must not kill them for ever. */
  async #reclaim(): Promise<void> {
    const { consumer, leaseMs, log, maxTries, queue, random } = this.#options
    let cursor = '0-0'
    do {
      const page = await queue.reclaim(consumer, leaseMs, cursor, RECLAIM_PAGE)
      for (const attempt of page.attempts) {
        if (this.#running.has(attemptKey(attempt))) continue // late with our own renewal, but alive
        const error = abandoned(attempt.tries)
        const { code, message } = error.error
        const verdict = judgeFailure(new ApiError(code, message), attempt.tries, maxTries, random())
        log.warn(
          { job_id: attempt.id, attempt: attempt.attempt, next: verdict.type },
          'Jobs: took over an attempt',
        )
        if (verdict.type === 'bury') await queue.bury(attempt, error)
        else await queue.postpone(attempt, verdict.delayMs, error, verdict.spared)
      }
      cursor = page.next
    } while (cursor !== '0-0' && !this.#stopTaking.signal.aborted)
    await queue.leave('', SILENT_MS)
  }

  /** Repeats a write until Redis has taken it: each is safe to repeat, since only the first counts. */
  async #patiently<T>(write: () => Promise<T>): Promise<T> {
    const untilMs = performance.now() + WRITE_PATIENCE_MS
    for (let failures = 1; ; failures++) {
      try {
        return await write()
      } catch (error) {
        if (performance.now() > untilMs || this.#closing.signal.aborted) throw error
        await delay(Math.min(50 * 2 ** failures, MAX_BACKOFF_MS))
      }
    }
  }
}

function fields({ id, attempt }: Attempt, startMs: number) {
  return { job_id: id, attempt, duration_ms: Math.round((performance.now() - startMs) * 10) / 10 }
}
