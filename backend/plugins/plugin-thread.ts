import { Worker } from 'node:worker_threads'
import type { Question } from './plugin.ts'
import type { Call, FromThread, HookName, ThreadData, ToThread } from './protocol.ts'

/** Loading its modules on a busy machine. */
const START_TIMEOUT_MS = 30_000
/** Of the thread's JavaScript; pixels and files are beside it, bounded by the picture's limits. */
const HEAP_LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 } as const

export interface CallOptions {
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Asks the model; `signal` ends with the call. */
  readonly ask: (question: Question, signal: AbortSignal) => Promise<string>
}

interface Running {
  readonly options: CallOptions | null
  readonly over: AbortController
  readonly settle: PromiseWithResolvers<FromThread>
}

/** A worker thread with one plug-in, one call at a time. One that failed or overran is ended and rejects from then on. */
export class PluginThread {
  readonly #worker: Worker
  #running: Running | null = null
  #death: Error | null = null

  constructor(url: string) {
    this.#worker = new Worker(new URL('./plugin-worker.ts', import.meta.url), {
      workerData: { url } satisfies ThreadData,
      resourceLimits: HEAP_LIMITS,
    })
    this.#worker.on('message', (message: FromThread) => this.#receive(message))
    this.#worker.on('error', (error) => this.#die(error))
    this.#worker.on('messageerror', (error) => this.#die(error))
    this.#worker.on('exit', (code) => this.#die(new Error(`its thread exited with code ${code}`)))
    this.#worker.unref() // an idle thread does not keep the process alive
  }

  get isDead(): boolean {
    return this.#death !== null
  }

  /** Waits until the plug-in is loaded. @throws {Error} why it cannot be. */
  async start(): Promise<readonly HookName[]> {
    const message = await this.#wait(null, START_TIMEOUT_MS)
    return message.type === 'ready' ? message.hooks : []
  }

  /**
   * What the hook returned, unchecked.
   * @throws {Error} it threw, took too long or broke its thread
   * @throws the signal's reason when it is aborted: the hook is ended too
   */
  async run(call: Call, options: CallOptions): Promise<unknown> {
    const { signal } = options
    signal.throwIfAborted()
    const leave = () => void this.end(new Error('nobody waits for it any more', { cause: signal.reason }))
    signal.addEventListener('abort', leave, { once: true })
    try {
      const settled = this.#wait(options, options.timeoutMs)
      this.#post({ type: 'call', call })
      const message = await settled
      if (message.type === 'threw') throw new Error(message.detail)
      return message.type === 'returned' ? message.value : undefined
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  async end(reason: Error): Promise<void> {
    this.#die(reason)
    await this.#worker.terminate()
  }

  async #wait(options: CallOptions | null, timeoutMs: number): Promise<FromThread> {
    if (this.#death !== null) throw this.#death
    const running = { options, over: new AbortController(), settle: Promise.withResolvers<FromThread>() }
    this.#running = running
    this.#worker.ref()
    const overrun = setTimeout(() => void this.end(new Error(`took longer than ${timeoutMs} ms`)), timeoutMs)
    try {
      return await running.settle.promise
    } finally {
      clearTimeout(overrun)
      this.#running = null
      this.#worker.unref()
      running.over.abort() // a question nobody waits for any more
    }
  }

  #receive(message: FromThread): void {
    if (this.#running === null) return
    if (message.type === 'ask') void this.#answer(this.#running, message.id, message.question)
    else this.#running.settle.resolve(message)
  }

  async #answer({ options, over }: Running, id: number, question: Question): Promise<void> {
    if (options === null) return // while it is loading nobody has asked anything
    try {
      const signal = AbortSignal.any([options.signal, over.signal])
      this.#post({ type: 'answer', id, text: await options.ask(question, signal) })
    } catch (error) {
      this.#post({ type: 'no_answer', id, reason: error instanceof Error ? error.message : String(error) })
    }
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message)
  }

  #die(reason: Error): void {
    this.#death ??= reason
    this.#running?.settle.reject(this.#death)
  }
}
