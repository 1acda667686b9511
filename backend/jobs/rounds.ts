import { setTimeout as delay } from 'node:timers/promises'

const EVERY_MS = 500

/** Rounds of one kind of work, one after another, until closed. */
export class Rounds {
  readonly #stop = new AbortController()
  readonly #loop: Promise<void>

  /** @param round what one round does; resolves with whether the next one need not wait. A failed one is tried again. */
  constructor(round: () => Promise<boolean>) {
    this.#loop = this.#run(round)
  }

  /** Aborted when closed. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** Resolves when the round under way is over. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#loop
  }

  async #run(round: () => Promise<boolean>): Promise<void> {
    const { signal } = this
    await Promise.resolve() // whoever makes the rounds is whole before the first
    while (!signal.aborted) {
      // Redis is away, which the connection logs; what was sent but not noted as sent is sent again.
      const more = await round().catch(() => false)
      if (!more) await delay(EVERY_MS, undefined, { signal }).catch(() => {}) // woken to stop
    }
  }
}
