import assert from 'node:assert'

/** Too many are waiting already. */
export class SemaphoreFullError extends Error {
  override readonly name = 'SemaphoreFullError'
}

/**
 * Lets at most `permits` pieces of work run at once and `maxWaiting` wait, first come first served.
 * Invariant: somebody waits only while no permit is free.
 */
export class Semaphore {
  readonly #maxWaiting: number
  readonly #waiting: (() => void)[] = []
  #free: number

  constructor(permits: number, maxWaiting: number) {
    assert(permits >= 1, 'a semaphore has at least one permit')
    this.#free = permits
    this.#maxWaiting = maxWaiting
  }

  /**
   * Runs `work` once it is its turn.
   * @throws {SemaphoreFullError}
   * @throws the signal's reason, when it is aborted before the turn came
   */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#acquire(signal)
    try {
      return await work()
    } finally {
      this.#release()
    }
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#free > 0) {
      this.#free -= 1
      return
    }
    if (this.#waiting.length >= this.#maxWaiting) throw new SemaphoreFullError('too many are waiting')
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = () => {
      const place = this.#waiting.indexOf(resolve)
      if (place === -1) return // the permit is already ours
      this.#waiting.splice(place, 1)
      reject(signal.reason)
    }
    this.#waiting.push(resolve)
    signal.addEventListener('abort', leave, { once: true })
    await promise.finally(() => signal.removeEventListener('abort', leave))
  }

  #release(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free += 1
    else next() // hands the permit on
  }
}
