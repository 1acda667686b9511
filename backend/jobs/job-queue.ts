import type { Redis } from 'ioredis'
import { ApiError, type ErrorBody } from '../../shared/errors.ts'
import {
  isJobId,
  type JobEntry,
  type JobRecord,
  type JobStatus,
  queuedRecord,
  readRecord,
} from './job-record.ts'
import { loadScripts, type ScriptName } from './load-scripts.ts'
import { isTimeout } from './redis-link.ts'

/** The stream is the interface: whoever can XADD to it is a producer. */
export const queueKeys = {
  queue: 'glm_queue',
  results: 'glm_results',
  dead: 'glm_dead',
  retry: 'glm:retry',
  webhooks: 'glm:webhooks',
} as const

/** The one consumer group: an entry goes to one backend of it. */
export const GROUP = 'glm'

/** Dead letters wait this long for somebody to look at them. */
const DEAD_TTL_MS = 30 * 24 * 3600 * 1000

export interface JobQueueLimits {
  /** Jobs not ended, at most; more are refused. */
  readonly maxJobs: number
  /** How long results are kept. */
  readonly resultTtlMs: number
  /** A job that did not begin by this age is given up. */
  readonly maxAgeMs: number
}

/** An attempt at a job. Its number is the fence: what an older one writes is refused. */
export interface Attempt {
  readonly id: string
  readonly attempt: number
  /** Attempts that count against the job so far, this one included. */
  readonly tries: number
}

export const attemptKey = ({ id, attempt }: Attempt) => `${id}:${attempt}`

export type Begun =
  | (Attempt & { readonly type: 'run' | 'expired'; readonly caller: string })
  | { readonly type: 'over' }

export interface Submission {
  /** The same token within the window is the same submission. */
  readonly token: string
  /** Tells whether it is the same body too. */
  readonly digest: string
  readonly caller: string
  /** Id of the batch; null for a single job. */
  readonly batch: string | null
  readonly jobs: readonly { readonly request: string; readonly webhook: string | null }[]
}

/** The job queue's operations, each atomic in Redis; where and how often they run does not matter. */
export class JobQueue {
  readonly #redis: Redis
  readonly #scripts = loadScripts()
  readonly #limits: JobQueueLimits
  /** Redis's clock minus ours; null until asked on this connection. */
  #clockOffsetMs: number | null = null

  constructor(redis: Redis, limits: JobQueueLimits) {
    this.#redis = redis
    this.#limits = limits
    redis.on('close', () => {
      this.#clockOffsetMs = null
    })
  }

  /** Makes the stream and its group if they are not there. */
  async ensureGroup(): Promise<void> {
    try {
      await this.#redis.xgroup('CREATE', queueKeys.queue, GROUP, '0', 'MKSTREAM')
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('BUSYGROUP'))) throw error
    }
  }

  /**
   * Accepts all of a submission's jobs or none. Asked again with the same token it answers the same.
   * @param timeoutMs after which Redis refuses to accept it any more.
   * @returns the job's id, or the batch's.
   * @throws {ApiError} `queue_full`, `idempotency_mismatch`. @throws {Error} Redis did not answer.
   */
  async submit({ token, digest, caller, batch, jobs }: Submission, timeoutMs: number): Promise<string> {
    const { maxJobs, resultTtlMs, maxAgeMs } = this.#limits
    const deadlineMs = (await this.#nowMs()) + timeoutMs
    const [state, detail] = (await this.#run('submit', [
      deadlineMs,
      maxJobs,
      token,
      digest,
      resultTtlMs + maxAgeMs,
      caller,
      batch ?? '',
      ...jobs.flatMap(({ request, webhook }) => [request, webhook ?? '']),
    ])) as [string, string]
    switch (state) {
      case 'accepted':
        return detail
      case 'full':
        throw new ApiError('queue_full', `the job queue is full: ${detail} jobs are waiting`, {
          retryAfterS: 10,
        })
      case 'mismatch':
        throw new ApiError('idempotency_mismatch', 'this Idempotency-Key was used with another body', {
          param: 'Idempotency-Key',
        })
      default:
        throw new Error(`the submission came to Redis too late (${state})`)
    }
  }

  /** Takes back what a submission may have accepted whose answer was lost. */
  async withdraw(token: string): Promise<void> {
    await this.#run('withdraw', [token, this.#limits.resultTtlMs])
  }

  async begin(id: string, consumer: string, caller: string, webhook: string): Promise<Begun> {
    const reply = await this.#run('begin', [id, consumer, this.#limits.maxAgeMs, caller, webhook])
    const [type, attempt, tries, owner] = reply as ['run' | 'expired' | 'over', number, number, string]
    return type === 'over' ? { type } : { type, id, attempt, tries, caller: owner }
  }

  /** Jobs whose delay is over, taken for this consumer. */
  async takeDue(consumer: string, count: number): Promise<readonly JobEntry[]> {
    return toEntries(await this.#run('due', [consumer, count]))
  }

  /** Says which attempts are alive; returns the keys of those that are current no more. */
  async renew(consumer: string, attempts: readonly Attempt[]): Promise<readonly string[]> {
    const pairs = attempts.flatMap(({ id, attempt }) => [id, attempt])
    return (await this.#run('renew', [consumer, ...pairs])) as string[]
  }

  /** Writes the answer; false when another attempt or end came first. */
  async complete({ id, attempt }: Attempt, content: string, result: string): Promise<boolean> {
    return (await this.#run('complete', [id, attempt, this.#limits.resultTtlMs, content, result])) === 1
  }

  async postpone(
    { id, attempt }: Attempt,
    delayMs: number,
    error: ErrorBody,
    spared: boolean,
  ): Promise<boolean> {
    const problem = JSON.stringify(error.error)
    return (await this.#run('postpone', [id, attempt, delayMs, problem, spared ? 1 : 0])) === 1
  }

  /** Gives the job up, into the dead letters. */
  async bury({ id, attempt }: Attempt, error: ErrorBody): Promise<boolean> {
    const problem = JSON.stringify(error.error)
    const { resultTtlMs } = this.#limits
    return (await this.#run('bury', [id, attempt, resultTtlMs, DEAD_TTL_MS, error.error.code, problem])) === 1
  }

  /** One page of attempts that nobody renewed for `leaseMs`. */
  async reclaim(consumer: string, leaseMs: number, cursor: string, count: number) {
    const [next, ...found] = (await this.#run('reclaim', [consumer, leaseMs, cursor, count])) as [
      string,
      ...[string, number, number][],
    ]
    const attempts = found.map(([id, attempt, tries]): Attempt => ({ id, attempt, tries }))
    return { next, attempts }
  }

  /** Ends the job unless it has ended; returns the status it has then. */
  async cancel(id: string): Promise<JobStatus> {
    return (await this.#run('cancel', [id, this.#limits.resultTtlMs])) as JobStatus
  }

  /** Forgets this consumer if it holds nothing, and others silent for so long. */
  async leave(consumer: string, silentMs: number): Promise<void> {
    await this.#run('leave', [consumer, silentMs])
  }

  async read(id: string): Promise<JobRecord | null> {
    if (!isJobId(id)) return null
    const hash = await this.#do(() => this.#redis.hgetall(`glm:job:${id}`))
    const record = readRecord(id, hash)
    if (record !== null) return record
    const [entry] = await this.#do(() => this.#redis.xrange(queueKeys.queue, id, id))
    return entry === undefined ? null : queuedRecord({ id: entry[0], fields: entry[1] })
  }

  /** Counts of a batch and whose it is; null when there is none. */
  async readBatch(id: string): Promise<Readonly<Record<string, string>> | null> {
    const hash = await this.#do(() => this.#redis.hgetall(`glm:batch:${id}`))
    return hash['total'] === undefined ? null : hash
  }

  /** Ids of a batch's jobs, in the order of its lines. */
  async batchJobs(id: string, from: number, count: number): Promise<readonly string[]> {
    return this.#do(() => this.#redis.lrange(`glm:batch:${id}:jobs`, from, from + count - 1))
  }

  /** Jobs not ended, jobs waiting for a retry, and dead letters. */
  async depths(): Promise<{ queued: number; retrying: number; dead: number }> {
    const [queued, retrying, dead] = await this.#do(() =>
      Promise.all([
        this.#redis.xlen(queueKeys.queue),
        this.#redis.zcard(queueKeys.retry),
        this.#redis.xlen(queueKeys.dead),
      ]),
    )
    return { queued, retrying, dead }
  }

  /** Webhooks due now, with the number of this try; due again after `leaseMs` unless settled. */
  async takeWebhooks(count: number, leaseMs: number): Promise<readonly { id: string; tries: number }[]> {
    const flat = (await this.#run('due-webhooks', [count, leaseMs])) as (string | number)[]
    return flat.flatMap((value, index) =>
      index % 2 === 0 ? [{ id: String(value), tries: Number(flat[index + 1]) }] : [],
    )
  }

  async webhookOf(id: string): Promise<string | null> {
    return this.#do(() => this.#redis.hget(`glm:job:${id}`, 'webhook'))
  }

  /** @param delayMs until the next try; null: it is over. */
  async settleWebhook(
    id: string,
    delayMs: number | null,
    state: 'sent' | 'failed' | 'retrying',
  ): Promise<void> {
    await this.#run('settle-webhook', [id, delayMs ?? -1, state])
  }

  async #nowMs(): Promise<number> {
    if (this.#clockOffsetMs === null) {
      const [seconds, microseconds] = await this.#do(() => this.#redis.time())
      this.#clockOffsetMs = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000) - Date.now()
    }
    return Date.now() + this.#clockOffsetMs
  }

  async #run(name: ScriptName, args: readonly (string | number)[]): Promise<unknown> {
    const { sha1, source } = this.#scripts[name]
    const keys = Object.values(queueKeys)
    return this.#do(async () => {
      try {
        return await this.#redis.evalsha(sha1, keys.length, ...keys, ...args)
      } catch (error) {
        // A Redis that was restarted has forgotten its scripts.
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
        return this.#redis.eval(source, keys.length, ...keys, ...args)
      }
    })
  }

  async #do<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await command()
    } catch (error) {
      // What got no answer in time sits on a connection that may never answer again: the next one is fresh.
      if (isTimeout(error)) this.#redis.disconnect(true)
      throw error
    }
  }
}

/** Entries as Redis replies them; one that was deleted meanwhile has no fields. */
export function toEntries(reply: unknown): readonly JobEntry[] {
  return (reply as ([string, string[] | null] | null)[]).flatMap((entry) =>
    entry === null || entry[1] === null ? [] : [{ id: entry[0], fields: entry[1] }],
  )
}
