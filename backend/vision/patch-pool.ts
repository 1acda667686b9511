import assert from 'node:assert'
import { ApiError } from '../../shared/errors.ts'
import type { PreprocessorConfig } from '../model/model-config.ts'
import type { Patches } from '../model/patches.ts'
import { limitLoaders } from './decode.ts'
import { PatchThread } from './patch-thread.ts'
import type { WorkerReply } from './patch-worker.ts'
import type { Picture, PicturePlan } from './picture.ts'
import type { PrepareTask } from './prepare.ts'

export interface PatchPoolOptions {
  /** Pictures prepared at once; each takes one core and up to about 8 bytes a pixel while it is decoded. */
  readonly threads: number
  /** Pictures that may wait; the next is refused. */
  readonly maxQueue: number
  /** Held to by the decoder as well, should a file's header have lied. */
  readonly maxPixels: number
  /** Longest time decoding one picture may take. */
  readonly timeoutMs: number
}

interface Job {
  readonly task: PrepareTask
  readonly param: string
  resolve(patches: Patches): void
  reject(reason: unknown): void
}

/** Resizing follows decoding and has no clock of its own: a thread still silent after this many timeouts hangs. */
const hungAfterTimeouts = 2
const firstGuessMs = 200

/**
 * Decodes, resizes and cuts pictures in worker threads, so that a large photo never holds up the event loop.
 * Invariant: a job is in the queue, or on exactly one thread, or settled.
 */
export class PatchPool {
  readonly #options: PatchPoolOptions
  readonly #idle: PatchThread[] = []
  readonly #queue: Job[] = []
  readonly #running = new Set<Promise<void>>()
  /** Moving average of what one picture takes; only `Retry-After` is computed from it. */
  #typicalMs = firstGuessMs
  #closed = false

  constructor(options: PatchPoolOptions) {
    assert(options.threads >= 1, 'a patch pool has at least one thread')
    this.#options = options
    limitLoaders()
    for (let i = 0; i < options.threads; i++) this.#idle.push(new PatchThread())
  }

  /**
   * Turns a picture into what its plan says. The caller owns the result.
   * @throws {ApiError} invalid_image, queue_full, draining, deadline_exceeded
   * @throws the signal's reason, at once when it is aborted; work already begun is finished and thrown away
   */
  async prepare(
    picture: Picture,
    plan: PicturePlan,
    preprocessor: PreprocessorConfig,
    signal: AbortSignal,
  ): Promise<Patches> {
    signal.throwIfAborted()
    if (this.#closed) throw new ApiError('draining', 'the server is shutting down', { retryAfterS: 1 })
    this.#refuseWhenFull()
    const { bytes, header, param } = picture
    const limits = { maxPixels: this.#options.maxPixels, timeoutS: Math.ceil(this.#options.timeoutMs / 1000) }
    const { promise, resolve, reject } = Promise.withResolvers<Patches>()
    const job: Job = {
      task: { bytes, header, size: plan.size, preprocessor, limits },
      param,
      resolve,
      reject,
    }
    const abandon = () => {
      const place = this.#queue.indexOf(job)
      if (place !== -1) this.#queue.splice(place, 1)
      reject(signal.reason)
    }
    signal.addEventListener('abort', abandon, { once: true })
    this.#queue.push(job)
    this.#dispatch()
    return promise.finally(() => signal.removeEventListener('abort', abandon))
  }

  /** Refuses what waits, lets running pictures end (each within its timeout), ends the threads. */
  async close(): Promise<void> {
    this.#closed = true
    for (const job of this.#queue.splice(0)) {
      job.reject(new ApiError('draining', 'the server is shutting down', { retryAfterS: 1 }))
    }
    await Promise.all(this.#running)
    await Promise.all(this.#idle.splice(0).map((thread) => thread.end(new Error('the patch pool is closed'))))
  }

  #refuseWhenFull(): void {
    const { threads, maxQueue } = this.#options
    if (this.#idle.length > 0 || this.#queue.length < maxQueue) return
    const retryAfterS = Math.ceil((this.#queue.length * this.#typicalMs) / threads / 1000)
    throw new ApiError('queue_full', 'too many pictures are being prepared', { retryAfterS })
  }

  #dispatch(): void {
    while (this.#idle.length > 0) {
      const job = this.#queue.shift()
      if (job === undefined) return
      const thread = this.#idle.pop()
      assert(thread !== undefined, 'a thread is idle')
      const run = this.#run(thread, job).finally(() => this.#running.delete(run))
      this.#running.add(run)
    }
  }

  async #run(thread: PatchThread, job: Job): Promise<void> {
    const beganMs = performance.now()
    try {
      const reply = await thread.run(job.task, this.#options.timeoutMs * hungAfterTimeouts)
      job.resolve(patchesOf(reply, job.param))
      this.#typicalMs += (performance.now() - beganMs - this.#typicalMs) / 8
    } catch (error) {
      job.reject(error)
    } finally {
      this.#idle.push(thread.isDead ? new PatchThread() : thread)
      if (!this.#closed) this.#dispatch()
    }
  }
}

/** @throws {ApiError} the picture is at fault */
function patchesOf(reply: WorkerReply, param: string): Patches {
  switch (reply.type) {
    case 'done':
      return reply.patches
    case 'undecodable': {
      const message = 'the picture is damaged, cut off or of an unsupported kind'
      throw new ApiError('invalid_image', message, { param, cause: reply.detail })
    }
    case 'too_slow': {
      const message = 'the picture took too long to decode'
      throw new ApiError('deadline_exceeded', message, { param, cause: reply.detail })
    }
    case 'failed':
      throw new Error('preparing a picture failed', { cause: reply.detail })
  }
}
