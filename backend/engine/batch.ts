import { strict as assert } from 'node:assert'
import { FeatureCache } from './feature-cache.ts'
import type { Job } from './job.ts'
import { rowOf } from './rows.ts'
import { type ModelRunner, RunnerLostError, type Sampled } from './runner.ts'
import { nextStep, type Step, type StepRow } from './scheduler.ts'
import type { Sequence } from './sequence.ts'
import { SlotPool } from './slot-pool.ts'
import type { Counters } from './stats.ts'

/** A bad request fails two steps (with others, alone); this many without one success are the runner's own fault. */
const mostFailuresInARow = 12

export interface BatchOptions {
  readonly runner: ModelRunner
  readonly prefillChunk: number
  readonly featureCacheBytes: number
  readonly prefixCache: boolean
  readonly maxImageLoads: number
  readonly counters: Counters
  readonly now: () => number
  /** A picture was loaded or failed: there may be work. */
  readonly onReady: () => void
  /** `tokens` of work were done for the job's caller. */
  readonly onWork: (job: Job, tokens: number) => void
  readonly onRunnerError: (error: unknown) => void
}

/**
 * The jobs admitted to one runner, with its slots and its pictures' features; it dies with the runner. Invariant: a job
 * in the batch holds a slot; both leave between two steps, so that no step in flight loses its rows.
 */
export class Batch {
  readonly #options: BatchOptions
  readonly #slots: SlotPool
  readonly features: FeatureCache
  /** Oldest first. */
  readonly #jobs = new Map<Sequence, Job>()
  /** Those whose consumers have not been woken for what the last step sampled. */
  #unheard: Job[] = []
  #stepStartedAtMs: number | null = null
  #previous: Step['type'] | null = null
  #failuresInARow = 0

  constructor(options: BatchOptions) {
    const { runner, featureCacheBytes, maxImageLoads, now, onReady } = options
    this.#options = options
    this.#slots = new SlotPool(runner.slots)
    this.features = new FeatureCache({
      budgetBytes: featureCacheBytes,
      bytesPerToken: runner.featureBytesPerToken,
      maxLoads: maxImageLoads,
      now,
      release: (id) => runner.release(id),
      onChange: onReady,
    })
  }

  get runner(): ModelRunner {
    return this.#options.runner
  }

  get size(): number {
    return this.#jobs.size
  }

  get freeSlots(): number {
    return this.#slots.free
  }

  /** Entries of the KV cache that the batch's jobs fill. */
  get kvTokens(): number {
    return [...this.#jobs.keys()].reduce((sum, sequence) => sum + sequence.computed, 0)
  }

  /** Whether a sequence could be fed but for its mask, which may come any moment. */
  get waitsForMask(): boolean {
    return [...this.#jobs.values()].some(
      ({ ended, sequence: { mask, maskGrace, pending } }) =>
        !ended && maskGrace && mask === 'late' && pending === 1,
    )
  }

  /** Steps go on without the masks that have not come. */
  endMaskGrace(): void {
    for (const sequence of this.#jobs.keys()) sequence.maskGrace = false
  }

  /** When the job that has been here longest came; null when there is none. */
  get oldestAdmissionMs(): number | null {
    const [oldest] = this.#jobs.values()
    return oldest?.timeline.admittedAtMs ?? null
  }

  /** When the step in flight began; null when there is none. */
  get stepStartedAtMs(): number | null {
    return this.#stepStartedAtMs
  }

  /** Gives the job a slot, which must be free, and starts on its pictures and its mask. */
  admit(job: Job): void {
    const { sequence, request } = job
    const found = this.#slots.acquire(sequence.promptPrefix())
    assert(found !== null, 'a job is admitted to a free slot')
    sequence.slot = found.slot
    sequence.reuse(found.common)
    job.cachedTokens = sequence.computed
    job.timeline.admitted(this.#options.now())
    sequence.needed = request.prompt.images
      .filter((image) => image.offset + image.count > sequence.computed)
      .map((image) => ({ image, picture: this.features.hold(request.caller.id, image) }))
    this.#jobs.set(sequence, job)
    this.#countAdmission(job)
    job.askMask(null)
  }

  /** Between two steps: lets go of jobs that have ended, or whose picture failed. */
  reap(): Job[] {
    const reaped: Job[] = []
    for (const job of this.#jobs.values()) {
      for (const { picture } of job.sequence.needed) {
        if (picture.state.type === 'failed') job.fail(picture.state.error)
      }
      if (!job.ended) continue
      this.#jobs.delete(job.sequence)
      this.#release(job.sequence)
      reaped.push(job)
    }
    return reaped
  }

  nextStep(): Step | null {
    const alive = [...this.#jobs.values()].filter((job) => !job.ended).map((job) => job.sequence)
    return nextStep(alive, this.#previous, this.#options.prefillChunk)
  }

  /**
   * Runs the step, which is under way when this returns, and takes in what was sampled; `wakeConsumers` lets them have
   * it. A step's own failure ends those it was for.
   * @throws RunnerLostError when the whole batch is gone, or so many steps have failed that the runner must be broken
   */
  async run(step: Step): Promise<void> {
    const startedAtMs = this.#options.now()
    this.#stepStartedAtMs = startedAtMs
    this.#previous = step.type
    const failure = await (step.type === 'encode' ? this.#encode(step) : this.#feed(step))
    this.#stepStartedAtMs = null
    this.#countStep(step, this.#options.now() - startedAtMs)
    this.#failuresInARow = failure === null ? 0 : this.#failuresInARow + 1
    if (failure === null) return
    this.#options.counters.failedSteps++
    this.#options.onRunnerError(failure.error)
    if (failure.error instanceof RunnerLostError) throw failure.error
    this.#blame(step, failure.error)
    if (this.#failuresInARow < mostFailuresInARow) return
    const message = `the model failed ${mostFailuresInARow} steps in a row`
    throw new RunnerLostError(message, { cause: failure.error })
  }

  /** For what the last step sampled. */
  wakeConsumers(): void {
    for (const job of this.#unheard) job.events.wake()
    this.#unheard = []
  }

  /** Ends every job, and with them the batch. */
  abandon(error: unknown): void {
    for (const job of this.#jobs.values()) job.fail(error)
    this.reap()
    this.wakeConsumers()
  }

  async #encode({ picture }: Step & { type: 'encode' }): Promise<{ error: unknown } | null> {
    try {
      await this.runner.encode(this.features.startEncoding(picture), picture.id)
    } catch (error) {
      return { error }
    }
    this.features.encoded(picture)
    return null
  }

  async #feed({ rows }: Step & { rows: readonly StepRow[] }): Promise<{ error: unknown } | null> {
    let sampled: readonly (Sampled | null)[]
    try {
      sampled = await this.runner.step(rows.map(({ sequence, count }) => rowOf(sequence, count)))
    } catch (error) {
      return { error }
    }
    for (const [index, row] of rows.entries()) this.#commit(row, sampled[index] ?? null)
    return null
  }

  #commit({ sequence, count }: StepRow, sampled: Sampled | null): void {
    const job = this.#jobs.get(sequence)
    assert(job !== undefined, 'a job stays while a step reads it')
    sequence.advance(count, sampled?.token ?? null)
    sequence.suspect = false
    for (const { image, picture } of sequence.needed) {
      if (image.offset + image.count > sequence.computed) continue
      job.timeline.read(picture)
      this.features.drop(picture)
    }
    sequence.needed = sequence.needed.filter(({ image }) => image.offset + image.count > sequence.computed)
    if (sampled === null) return
    this.#options.counters.generatedTokens++
    this.#options.onWork(job, 1)
    job.accept(sampled)
    this.#unheard.push(job)
  }

  /** One row's failure is its own. In a joint step nobody knows whose it was: each goes alone next. */
  #blame(step: Step, error: unknown): void {
    if (step.type === 'encode') {
      this.features.failed(step.picture, error)
      return
    }
    for (const { sequence } of step.rows) {
      if (step.rows.length > 1) sequence.suspect = true
      else this.#jobs.get(sequence)?.fail(error)
    }
  }

  #release(sequence: Sequence): void {
    assert(sequence.slot !== null, 'a running sequence holds a slot')
    this.#slots.release(sequence.slot, this.#options.prefixCache ? sequence.computedPrefix() : null)
    sequence.slot = null
    for (const { picture } of sequence.needed) this.features.drop(picture)
    sequence.needed = []
  }

  #countAdmission(job: Job): void {
    const { counters, prefixCache, onWork } = this.#options
    const promptTokens = job.request.prompt.tokens.length
    counters.promptTokens += promptTokens
    counters.cachedTokens += job.cachedTokens
    if (prefixCache) counters.prefixQueries++
    if (job.cachedTokens > 0) counters.prefixHits++
    onWork(job, promptTokens - job.cachedTokens)
  }

  #countStep(step: Step, tookMs: number): void {
    const { counters } = this.#options
    counters[`${step.type}Steps`]++
    counters[`${step.type}Ms`] += tookMs
    if (step.type === 'decode') counters.decodeRows += step.rows.length
  }
}
