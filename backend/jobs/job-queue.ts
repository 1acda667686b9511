import type { Redis } from 'ioredis'
import { ApiError, type ErrorBody } from '../../shared/errors.ts'
import type { Attempt, Begun, TokensUsed } from './attempt.ts'
import {
  isJobId,
  type JobEntry,
  type JobRecord,
  type JobStatus,
  queuedRecord,
  readRecord,
} from './job-record.ts'
import type { ScriptName } from './load-scripts.ts'
import { queueKeys } from './queue-keys.ts'
import type { ScriptRunner } from './script-runner.ts'
import { NothingSentError, type Submission } from './submission.ts'

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
  /** Within which a backend learns that what it runs was cancelled. */
  readonly leaseMs: number
}

/** The job queue's operations, each atomic in Redis; where and how often they run does not matter. */
export class JobQueue {
  readonly #redis: Redis
  readonly #scripts: ScriptRunner
  readonly #limits: JobQueueLimits
  /** Redis's clock minus ours; null until asked on this connection. */
  #clockOffsetMs: number | null = null

  constructor(redis: Redis, scripts: ScriptRunner, limits: JobQueueLimits) {
    this.#redis = redis
    this.#scripts = scripts
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
   * @throws {ApiError} `queue_full`, `idempotency_mismatch`. @throws {NothingSentError} Redis cannot be reached.
   * @throws {Error} it did not answer: nobody knows whether it has accepted them.
   */
  async submit(submission: Submission, timeoutMs: number): Promise<string> {
    const { token, digest, caller, batch, reservation, jobs } = submission
    const { maxJobs, resultTtlMs, maxAgeMs } = this.#limits
    const nowMs = await this.#nowMs().catch((cause: unknown) => {
      throw new NothingSentError('Redis cannot be reached', { cause })
    })
    const [state, detail] = (await this.#run('submit', [
      nowMs + timeoutMs,
      maxJobs,
      token,
      digest,
      resultTtlMs + maxAgeMs,
      caller,
      batch ?? '',
      reservation ?? '',
      ...jobs.flatMap(({ request, webhook, maxTotalTokens }) => [
        request,
        webhook ?? '',
        maxTotalTokens ?? '',
      ]),
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
    const [type, attempt, tries, owner, maxTokens] = reply as [
      'run' | 'expired' | 'over',
      number,
      number,
      string,
      string,
    ]
    if (type === 'over') return { type }
    const maxTotalTokens = maxTokens === '' ? null : Number(maxTokens)
    return { type, id, attempt, tries, caller: owner, maxTotalTokens }
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
  async complete(
    { id, attempt }: Attempt,
    content: string,
    result: string,
    { promptTokens, completionTokens }: TokensUsed,
  ): Promise<boolean> {
    const { resultTtlMs } = this.#limits
    const args = [id, attempt, resultTtlMs, content, result, promptTokens, completionTokens]
    return (await this.#run('complete', args)) === 1
  }

  /** Tells what an attempt had taken when its job was cancelled under it. */
  async report({ id, attempt }: Attempt, { promptTokens, completionTokens }: TokensUsed): Promise<void> {
    await this.#run('report', [id, attempt, promptTokens, completionTokens])
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
    const { resultTtlMs, leaseMs } = this.#limits
    return (await this.#run('cancel', [id, resultTtlMs, leaseMs])) as JobStatus
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

  /** Jobs not ended, jobs waiting for a retry, dead letters, and settlements the edge does not have yet. */
  async depths(): Promise<{ queued: number; retrying: number; dead: number; unsettled: number }> {
    const [queued, retrying, dead, unsettled] = await this.#do(() =>
      Promise.all([
        this.#redis.xlen(queueKeys.queue),
        this.#redis.zcard(queueKeys.retry),
        this.#redis.xlen(queueKeys.dead),
        this.#redis.zcard(queueKeys.settlements),
      ]),
    )
    return { queued, retrying, dead, unsettled }
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

  #run(name: ScriptName, args: readonly (string | number)[]): Promise<unknown> {
    return this.#scripts.run(name, args)
  }

  #do<T>(command: () => Promise<T>): Promise<T> {
    return this.#scripts.do(command)
  }
}

/** Entries as Redis replies them; one that was deleted meanwhile has no fields. */
export function toEntries(reply: unknown): readonly JobEntry[] {
  return (reply as ([string, string[] | null] | null)[]).flatMap((entry) =>
    entry === null || entry[1] === null ? [] : [{ id: entry[0], fields: entry[1] }],
  )
}
