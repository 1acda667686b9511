/** The end of a turn; may be called more than once. */
export type EndTurn = () => void

/**
 * Lets large bodies through a few at a time. Many taken in at once finish no sooner, and each holds its bytes for all
 * of the time. Nobody waits for long: a slow client must not keep others out, and what all may hold is bounded anyway.
 */
export class Turns {
  readonly #most: number
  readonly #maxWaitMs: number
  readonly #waiting = new Set<() => void>()
  #taken = 0

  constructor(most: number, maxWaitMs: number) {
    this.#most = most
    this.#maxWaitMs = maxWaitMs
  }

  async take(): Promise<EndTurn> {
    if (this.#taken >= this.#most) await this.#wait()
    this.#taken += 1
    let ended = false
    return () => {
      if (ended) return
      ended = true
      this.#taken -= 1
      this.#wakeNext()
    }
  }

  async #wait(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.add(resolve)
    const timer = setTimeout(resolve, this.#maxWaitMs)
    await promise
    clearTimeout(timer)
    this.#waiting.delete(resolve)
  }

  #wakeNext() {
    const [next] = this.#waiting
    if (!next) return
    this.#waiting.delete(next)
    next()
  }
}
