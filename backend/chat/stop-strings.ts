/**
 * Cuts a stream of text before the first stop string to be complete. What may still grow into one is held back, so
 * what has been let through is never taken back, however the text is cut into pieces.
 *
 * Answers may begin with white space that is not part of them: stops made of nothing else do not count there.
 */
export class StopStrings {
  readonly #stops: readonly string[]
  #held = ''
  #begun = false

  /** @param stops none of them empty */
  constructor(stops: readonly string[]) {
    this.#stops = stops
  }

  /** The text that may go out now; `stopped` when a stop string came, which ends the stream. */
  push(text: string): { readonly text: string; readonly stopped: boolean } {
    if (this.#stops.length === 0) return { text, stopped: false }
    const pending = this.#held + text
    const cut = this.#firstStop(pending)
    this.#begun ||= pending.trim() !== ''
    const kept = cut ?? pending.length - this.#partialStop(pending)
    this.#held = cut === null ? pending.slice(kept) : ''
    return { text: pending.slice(0, kept), stopped: cut !== null }
  }

  /** The text still held: nothing follows that could complete a stop string. */
  end(): string {
    const held = this.#held
    this.#held = ''
    return held
  }

  /** Start of the stop string that is complete first, the longest of several; null when there is none. */
  #firstStop(text: string): number | null {
    const blank = this.#begun ? 0 : text.length - text.trimStart().length
    let start: number | null = null
    let end = Number.POSITIVE_INFINITY
    for (const stop of this.#stops) {
      const at = text.indexOf(stop, stop.trim() === '' ? blank : 0)
      const stopEnd = at + stop.length
      if (at === -1 || stopEnd > end || (stopEnd === end && at >= (start ?? 0))) continue
      start = at
      end = stopEnd
    }
    return start
  }

  /** Length of the longest end of the text that begins a stop string. */
  #partialStop(text: string): number {
    const partial = (stop: string) => {
      for (let length = Math.min(stop.length - 1, text.length); length > 0; length--) {
        if (text.endsWith(stop.slice(0, length))) return length
      }
      return 0
    }
    return this.#stops.reduce((longest, stop) => Math.max(longest, partial(stop)), 0)
  }
}
