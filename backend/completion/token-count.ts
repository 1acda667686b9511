import type { CompletionEvent } from './completion-request.ts'

/** Counts what a completion has read and written so far, from its events: one token a delta, exact once it finishes. */
export class TokenCount {
  #promptTokens = 0
  /** By answer. */
  readonly #written = new Map<number, number>()

  add(event: CompletionEvent) {
    const written = this.#written.get(event.index) ?? 0
    if (event.type === 'finish') {
      this.#promptTokens = event.usage.promptTokens
      this.#written.set(event.index, event.usage.completionTokens)
    } else {
      this.#promptTokens = event.promptTokens
      this.#written.set(event.index, written + 1)
    }
  }

  get promptTokens(): number {
    return this.#promptTokens
  }

  get completionTokens(): number {
    return [...this.#written.values()].reduce((sum, written) => sum + written, 0)
  }
}
