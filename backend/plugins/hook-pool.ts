import { Semaphore } from '../vision/semaphore.ts'
import { type CallOptions, PluginThread } from './plugin-thread.ts'
import type { Call } from './protocol.ts'

export interface HookPoolOptions {
  /** `file:` URL of the plug-in. */
  readonly url: string
  readonly maxThreads: number
  /** Calls waiting for a thread. */
  readonly maxWaiting: number
}

/**
 * The threads of one hook of one plug-in; started when needed, replaced when they died. Each hook has its own, so that
 * one that asks the model never waits for itself.
 */
export class HookPool {
  readonly #url: string
  readonly #turns: Semaphore
  readonly #idle: PluginThread[] = []
  readonly #threads = new Set<PluginThread>()

  constructor({ url, maxThreads, maxWaiting }: HookPoolOptions) {
    this.#url = url
    this.#turns = new Semaphore(maxThreads, maxWaiting)
  }

  /** @throws {SemaphoreFullError}, and what the call throws. */
  run(call: Call, options: CallOptions): Promise<unknown> {
    return this.#turns.run(async () => {
      const thread = await this.#thread()
      try {
        return await thread.run(call, options)
      } finally {
        if (thread.isDead) this.#threads.delete(thread)
        else this.#idle.push(thread)
      }
    }, options.signal)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#threads].map((thread) => thread.end(new Error('the server closes'))))
  }

  async #thread(): Promise<PluginThread> {
    for (let thread = this.#idle.pop(); thread !== undefined; thread = this.#idle.pop()) {
      if (!thread.isDead) return thread
      this.#threads.delete(thread)
    }
    const thread = new PluginThread(this.#url)
    this.#threads.add(thread)
    try {
      await thread.start()
    } catch (error) {
      this.#threads.delete(thread)
      throw error
    }
    return thread
  }
}
