import assert from 'node:assert'
import { Worker } from 'node:worker_threads'
import type { Result, ThreadData, Work } from './protocol.ts'

/** The thread was ended, by its deadline or its memory limit, or was closed. */
export class ThreadLostError extends Error {
  override readonly name = 'ThreadLostError'
  /** Whether this very piece of work was what the thread was lost over. */
  readonly atFault: boolean

  constructor(reason: string, atFault: boolean) {
    super(reason)
    this.atFault = atFault
  }
}

interface Job {
  /** null: the thread's own start. */
  readonly work: Work | null
  readonly deadlineMs: number
  readonly resolve: (result: Result) => void
  readonly reject: (error: Error) => void
}

/** Room beside the lexer tables for short-lived objects. */
const maxYoungGenerationMb = 32

/** Loading its modules on a busy machine. */
const startDeadlineMs = 30_000

/**
 * One worker thread and its queue. Work is done one piece at a time, each with a deadline counted from when it is its
 * turn; a thread that misses one is ended with everything in it.
 */
export class GrammarThread {
  /** Digests of the schemas compiled here. */
  readonly grammars = new Set<string>()
  /** Sequences open here. */
  sequences = 0
  readonly #worker: Worker
  readonly #queue: Job[] = []
  #running: Job | null = null
  #timer: NodeJS.Timeout | null = null
  #lost: string | null = null

  constructor(data: ThreadData) {
    this.#worker = new Worker(new URL('./grammar-worker.ts', import.meta.url), {
      workerData: data,
      resourceLimits: {
        maxOldGenerationSizeMb: Math.ceil(data.maxHeapBytes / 2 ** 20),
        maxYoungGenerationSizeMb: maxYoungGenerationMb,
      },
    })
    this.#queue.push({
      work: null,
      deadlineMs: startDeadlineMs,
      resolve: () => undefined,
      reject: () => undefined,
    })
    this.#worker.on('message', (result: Result) => this.#settle((job) => job.resolve(result)))
    this.#worker.on('error', (error) => this.#lose(error.message))
    this.#worker.on('exit', () => this.#lose('the grammar thread ended'))
    this.#startNext()
  }

  get isLost(): boolean {
    return this.#lost !== null
  }

  /** Pieces of work waiting or under way. */
  get pending(): number {
    return this.#queue.length + (this.#running === null ? 0 : 1)
  }

  /** @throws ThreadLostError */
  run(work: Work, deadlineMs: number): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== null) return reject(new ThreadLostError(this.#lost, false))
      this.#queue.push({ work, deadlineMs, resolve, reject })
      this.#startNext()
    })
  }

  async close(): Promise<void> {
    this.#lose('the grammar thread was closed')
    await this.#worker.terminate()
  }

  #startNext(): void {
    if (this.#running !== null) return
    const job = this.#queue.shift()
    if (job === undefined) return
    this.#running = job
    // holds the process open for as long as somebody waits
    this.#worker.ref()
    this.#timer = setTimeout(() => this.#miss(job), job.deadlineMs)
    if (job.work !== null) this.#worker.postMessage(job.work)
  }

  #settle(settle: (job: Job) => void): void {
    const job = this.#running
    if (job === null) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#running = null
    settle(job)
    this.#startNext()
    if (this.#running === null) this.#worker.unref()
  }

  #miss(job: Job): void {
    assert(this.#running === job, 'a deadline runs for one piece of work')
    this.#lose(`took longer than ${job.deadlineMs} ms`)
  }

  #lose(reason: string): void {
    if (this.#lost !== null) return
    this.#lost = reason
    if (this.#timer !== null) clearTimeout(this.#timer)
    const running = this.#running
    this.#running = null
    running?.reject(new ThreadLostError(reason, true))
    for (const job of this.#queue.splice(0)) job.reject(new ThreadLostError(reason, false))
    this.#worker.terminate().catch(() => undefined) // it ends either way; nobody waits for it any more
  }
}
