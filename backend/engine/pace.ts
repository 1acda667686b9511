const smoothing = 0.2
const longestRetryAfterS = 300

/** How long a slot stays taken, learned from the requests that ended: what Retry-After is computed from. */
export class Pace {
  #holdMs: number | null = null

  record(holdMs: number): void {
    this.#holdMs = this.#holdMs === null ? holdMs : this.#holdMs + smoothing * (holdMs - this.#holdMs)
  }

  /**
   * Whole seconds, at least 1, until `waiting` requests have been taken into `slots` slots.
   * @param oldestHoldMs how long the oldest running request has held its slot: all that is known before one ended
   */
  retryAfterS(waiting: number, slots: number, oldestHoldMs: number): number {
    const holdMs = this.#holdMs ?? oldestHoldMs
    const seconds = Math.ceil((waiting * holdMs) / slots / 1000)
    return Math.min(Math.max(seconds, 1), longestRetryAfterS)
  }
}
