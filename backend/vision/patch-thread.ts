import { Worker } from 'node:worker_threads'
import type { WorkerReply } from './patch-worker.ts'
import type { PrepareTask } from './prepare.ts'

interface Pending {
  resolve(reply: WorkerReply): void
  reject(reason: Error): void
}

/** One worker thread, one task at a time. A thread that failed or overran is dead and rejects from then on. */
export class PatchThread {
  readonly #worker = new Worker(new URL('./patch-worker.ts', import.meta.url))
  #pending: Pending | null = null
  #death: Error | null = null

  constructor() {
    this.#worker.on('message', (reply: WorkerReply) => this.#settle((pending) => pending.resolve(reply)))
    this.#worker.on('error', (error) => this.#die(new Error('the patch worker failed', { cause: error })))
    this.#worker.on('exit', (code) => this.#die(new Error(`the patch worker exited with code ${code}`)))
    this.#worker.unref() // an idle thread does not keep the process alive
  }

  get isDead(): boolean {
    return this.#death !== null
  }

  /** @throws {Error} the thread died, or was ended because it took longer than `timeoutMs` */
  run(task: PrepareTask, timeoutMs: number): Promise<WorkerReply> {
    const { promise, resolve, reject } = Promise.withResolvers<WorkerReply>()
    if (this.#death !== null) return Promise.reject(this.#death)
    // a view is sent with its whole buffer, be it a request's body or the pool of small Buffers: send a copy of the file
    const bytes = new Uint8Array(task.bytes)
    this.#worker.postMessage({ ...task, bytes }, [bytes.buffer])
    this.#pending = { resolve, reject }
    this.#worker.ref()
    const overrun = setTimeout(() => void this.end(new Error('the patch worker hung')), timeoutMs)
    return promise.finally(() => {
      clearTimeout(overrun)
      this.#worker.unref()
    })
  }

  async end(reason: Error): Promise<void> {
    this.#die(reason)
    await this.#worker.terminate()
  }

  #die(reason: Error): void {
    this.#death ??= reason
    this.#settle((pending) => pending.reject(reason))
  }

  #settle(how: (pending: Pending) => void): void {
    const pending = this.#pending
    this.#pending = null
    if (pending !== null) how(pending)
  }
}
