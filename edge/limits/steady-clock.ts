/**
 * A wall clock that never goes back: set back, it goes on from where it was. Windows and leases are spans of time, and
 * a clock that jumped would make them last for days or end at once.
 */
export class SteadyClock {
  #last: number
  #offset = 0

  /** @param startMs the reading it must not fall behind, from before a restart */
  constructor(startMs = 0) {
    this.#last = startMs
  }

  read(wallMs: number): number {
    const reading = wallMs + this.#offset
    if (reading < this.#last) this.#offset += this.#last - reading
    this.#last = Math.max(this.#last, reading)
    return this.#last
  }

  get lastMs(): number {
    return this.#last
  }
}
