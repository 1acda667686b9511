import { strict as assert } from 'node:assert'
import { ApiError } from '../../shared/errors.ts'
import { Batch } from './batch.ts'
import { FairQueue } from './fair-queue.ts'
import { Job, type Outcome } from './job.ts'
import { Pace } from './pace.ts'
import { Preload } from './preload.ts'
import type { GenerateRequest, Generation } from './request.ts'
import type { ModelRunner, RunnerLostError } from './runner.ts'
import {
  type EngineState,
  type EngineStats,
  emptyCounters,
  emptyRefusals,
  type RefusalReason,
} from './stats.ts'

export interface EngineOptions {
  /** The engine's own from now on; closed with it. */
  readonly runner: ModelRunner
  /** Makes the successor of a lost runner, with the same slots; null: the engine ends with its runner. */
  readonly createRunner: (() => Promise<ModelRunner>) | null
  /** Requests waiting for a slot, at most. */
  readonly maxQueue: number
  /** Of them, one caller's, at most. */
  readonly maxQueuePerCaller: number
  /** Prompt tokens a step, at most: what a running answer, a cancelled request or one that comes may have to wait for. */
  readonly prefillChunk: number
  /** Picture features kept at once, as far as those in use leave room. */
  readonly featureCacheBytes: number
  /** Whether a slot's entries serve the next request that begins alike. */
  readonly prefixCache: boolean
  /** Pictures being decoded, or waiting with their pixels for the encoder, at once. */
  readonly maxImageLoads: number
  /** Milliseconds since the epoch, as `Caller.deadlineMs`. */
  readonly now: () => number
  /** Told of every failure in the runner, for the log. */
  readonly onRunnerError: (error: unknown) => void
}

/** What a caller hears who comes while the process ends: its successor should be there by then. */
const drainRetryAfterS = 5
/** Loading a model takes about as long. */
const restartRetryAfterS = 10
/** Masks come from another thread in a fraction of this; a step takes several times as long. */
const maskGraceMs = 3

/**
 * Runs many requests on one model: a loop that admits what fits, picks a step, runs it and hands out what was sampled,
 * one step in flight. Consumers are woken when the next step is under way. Every accepted request gets exactly one end.
 */
export class Engine {
  readonly #options: EngineOptions
  readonly #queue = new FairQueue<Job>()
  readonly #pace = new Pace()
  readonly #counters = emptyCounters()
  readonly #refusals = emptyRefusals()
  /** Accepted and not ended. */
  readonly #open = new Set<Job>()
  #batch: Batch
  #preload: Preload
  /** Why the batch's runner is gone; null while it is there. */
  #lost: RunnerLostError | null = null
  #phase: 'serving' | 'draining' | 'closed' = 'serving'
  #runnerState: 'ready' | 'restarting' | 'failed' = 'ready'
  #bell = Promise.withResolvers<void>()
  #drained = Promise.withResolvers<void>()
  readonly #loop: Promise<void>

  constructor(options: EngineOptions) {
    assert(options.prefillChunk > 1, 'a chunk of one token would be a decode step')
    this.#options = options
    this.#batch = this.#createBatch(options.runner)
    this.#preload = new Preload(this.#batch.features, options.maxImageLoads)
    this.#loop = this.#run()
  }

  /**
   * Events as they come, then one `finish`; a stop token is counted in the usage but not sent. Leaving the iteration or
   * aborting the request's signal cancels. The iteration throws an ApiError: `deadline_exceeded`,
   * `client_closed_request` (or the ApiError the signal was aborted with), `worker_restarting`, `draining`, the one
   * thrown by `PromptImage.load` or by the constraint, else `internal_error` with its cause.
   * @throws ApiError queue_full, rate_limit_exceeded (the caller's share of the queue), draining, worker_restarting
   */
  submit(request: GenerateRequest): Generation {
    const { caller, prompt, maxNewTokens } = request
    assert(
      prompt.tokens.length + maxNewTokens <= this.#batch.runner.maxLength,
      'prompt and answer fit a slot',
    )
    this.checkRoom(caller.id)
    const job = new Job(request, {
      now: this.#options.now,
      onEnd: (ended, outcome) => this.#onEnd(ended, outcome),
      onReady: () => this.#bell.resolve(),
    })
    this.#counters.submitted++
    this.#open.add(job)
    this.#queue.push(caller.id, job)
    job.watch()
    this.#admit()
    this.#bell.resolve()
    return { [Symbol.asyncIterator]: () => job.events, stop: () => job.stop() }
  }

  /**
   * Whether a request of this caller would be accepted now: asked before anything is done for it.
   * @throws ApiError queue_full, rate_limit_exceeded (this caller's share of the queue), draining, worker_restarting
   */
  checkRoom(callerId: string): void {
    const refusal = this.#refusal(callerId)
    if (refusal === null) return
    this.#counters.refused++
    this.#refusals[refusal.reason]++
    throw refusal.error
  }

  stats(): EngineStats {
    const { runner, features, size, freeSlots, kvTokens, stepStartedAtMs } = this.#batch
    return {
      state: this.#state(),
      running: size,
      waiting: this.#queue.length,
      callers: this.#queue.callers,
      slots: runner.slots,
      freeSlots,
      kvUse: kvTokens / (runner.slots * runner.maxLength),
      featureBytes: features.bytes,
      featureHits: features.hits,
      featureMisses: features.misses,
      stepAgeMs: stepStartedAtMs === null ? null : this.#options.now() - stepStartedAtMs,
      counters: { ...this.#counters },
      refusals: { ...this.#refusals },
    }
  }

  /** Refuses new requests and waits for the accepted; what has not ended at `deadlineMs` (epoch) fails with `draining`. */
  async drain(deadlineMs: number): Promise<void> {
    if (this.#phase === 'serving') this.#phase = 'draining'
    if (this.#open.size === 0) return
    const timer = setTimeout(() => this.#failOpen(draining()), Math.max(deadlineMs - this.#options.now(), 0))
    await this.#drained.promise
    clearTimeout(timer)
  }

  /** Fails what has not ended with `draining`, waits for the step in flight and closes the runner. */
  async close(): Promise<void> {
    this.#phase = 'closed'
    this.#failOpen(draining())
    this.#bell.resolve()
    await this.#loop
    await this.#batch.runner.close()
  }

  async #run(): Promise<void> {
    while (this.#phase !== 'closed') {
      this.#reap()
      this.#admit()
      if (this.#lost !== null) {
        await this.#replaceRunner(this.#lost)
        continue
      }
      this.#preload.hold(this.#queue.peek())
      if (this.#batch.waitsForMask) {
        await this.#graceForMasks()
        continue // much may have happened meanwhile
      }
      const step = this.#runnerState === 'ready' ? this.#batch.nextStep() : null
      const over = step === null ? this.#rest() : this.#batch.run(step)
      this.#batch.wakeConsumers() // their work takes no time from the model's
      try {
        await over
      } catch (error) {
        // Either the runner is gone, or our own books are wrong: a new batch is a clean slate for both.
        await this.#replaceRunner(error)
      }
    }
    this.#batch.wakeConsumers()
    this.#preload.hold(null)
  }

  /** Until something has happened. */
  async #rest(): Promise<void> {
    await this.#bell.promise
    this.#bell = Promise.withResolvers()
  }

  /** A mask that comes a moment late would otherwise cost its sequence every other step. */
  async #graceForMasks(): Promise<void> {
    const timer = setTimeout(() => {
      this.#batch.endMaskGrace()
      this.#bell.resolve()
    }, maskGraceMs)
    this.#batch.wakeConsumers()
    while (this.#batch.waitsForMask) await this.#rest()
    clearTimeout(timer)
  }

  /** Fills free slots from the queue, the deadline looked at once more: an expired request never runs. */
  #admit(): void {
    while (this.#runnerState === 'ready' && this.#batch.freeSlots > 0) {
      const job = this.#queue.shift()
      if (job === null) return
      job.checkDeadline()
      if (!job.ended) this.#batch.admit(job)
    }
  }

  #reap(): void {
    for (const job of this.#batch.reap()) this.#pace.record(this.#options.now() - job.timeline.admittedAtMs)
  }

  #onEnd(job: Job, outcome: Outcome): void {
    const callerId = job.request.caller.id
    this.#counters[outcome]++
    this.#open.delete(job)
    this.#queue.remove(callerId, job)
    this.#queue.leave(callerId)
    this.#bell.resolve()
    if (this.#phase !== 'serving' && this.#open.size === 0) this.#drained.resolve()
  }

  /** The batch and what it held are given up; who waits in the queue goes on waiting for the next runner. */
  async #replaceRunner(cause: unknown): Promise<void> {
    const { createRunner, onRunnerError } = this.#options
    this.#runnerState = 'restarting'
    this.#preload.hold(null)
    this.#batch.abandon(restarting(cause))
    try {
      await this.#batch.runner.close()
      if (createRunner === null) throw new Error('there is no successor for the runner', { cause })
      this.#lost = null
      this.#batch = this.#createBatch(await createRunner())
      this.#preload = new Preload(this.#batch.features, this.#options.maxImageLoads)
      this.#counters.restarts++
      this.#runnerState = 'ready'
    } catch (error) {
      onRunnerError(error)
      this.#lost = null
      this.#runnerState = 'failed'
      this.#failOpen(restarting(error))
    }
  }

  #createBatch(runner: ModelRunner): Batch {
    void runner.lost.then((error) => {
      if (runner !== this.#batch.runner || this.#phase === 'closed') return
      this.#lost = error
      this.#bell.resolve()
    })
    return new Batch({
      ...this.#options,
      runner,
      counters: this.#counters,
      onReady: () => this.#bell.resolve(),
      onWork: (job, tokens) => this.#queue.charge(job.request.caller.id, tokens),
    })
  }

  #refusal(callerId: string): { reason: RefusalReason; error: ApiError } | null {
    if (this.#phase !== 'serving') return { reason: 'draining', error: draining() }
    if (this.#runnerState === 'failed') return { reason: 'worker_restarting', error: restarting(null) }
    const waiting = this.#queue.length
    if (waiting >= this.#options.maxQueue) {
      const message = `the queue is full: ${waiting} requests are waiting`
      const error = new ApiError('queue_full', message, { retryAfterS: this.#retryAfterS(waiting) })
      return { reason: 'queue_full', error }
    }
    const own = this.#queue.waitingOf(callerId)
    if (own < this.#options.maxQueuePerCaller) return null
    const message = `${own} of your requests are waiting, which is all one caller may have`
    const error = new ApiError('rate_limit_exceeded', message, { retryAfterS: this.#retryAfterS(own) })
    return { reason: 'rate_limit_exceeded', error }
  }

  #retryAfterS(waiting: number): number {
    const { oldestAdmissionMs, runner } = this.#batch
    const nowMs = this.#options.now()
    return this.#pace.retryAfterS(waiting, runner.slots, nowMs - (oldestAdmissionMs ?? nowMs))
  }

  #failOpen(error: ApiError): void {
    for (const job of this.#open) job.fail(error)
  }

  #state(): EngineState {
    if (this.#phase !== 'serving') return this.#phase
    return this.#runnerState === 'ready' ? 'serving' : this.#runnerState
  }
}

function draining(): ApiError {
  return new ApiError('draining', 'the server is shutting down', { retryAfterS: drainRetryAfterS })
}

function restarting(cause: unknown): ApiError {
  const message = 'the model is being restarted'
  return new ApiError('worker_restarting', message, { retryAfterS: restartRetryAfterS, cause })
}
