import type { Picture } from './feature-cache.ts'
import type { Timings } from './request.ts'

/** When a request passed from one stage to the next, as clock readings in milliseconds; the stages add up to its life. */
export class Timeline {
  readonly #submittedAtMs: number
  #admittedAtMs: number
  #loadedAtMs: number
  #featuresAtMs: number
  #firstTokenAtMs: number | null = null

  constructor(nowMs: number) {
    this.#submittedAtMs = nowMs
    this.#admittedAtMs = nowMs
    this.#loadedAtMs = nowMs
    this.#featuresAtMs = nowMs
  }

  get admittedAtMs(): number {
    return this.#admittedAtMs
  }

  admitted(nowMs: number): void {
    this.#admittedAtMs = nowMs
    this.#loadedAtMs = nowMs
    this.#featuresAtMs = nowMs
  }

  /** A picture was read. What was ready before admission has cost this request nothing. */
  read({ loadedAtMs, readyAtMs }: Picture): void {
    this.#loadedAtMs = Math.max(this.#loadedAtMs, loadedAtMs ?? 0)
    this.#featuresAtMs = Math.max(this.#featuresAtMs, readyAtMs ?? 0)
  }

  sampled(nowMs: number): void {
    this.#firstTokenAtMs ??= nowMs
  }

  finish(nowMs: number): Timings {
    const firstTokenAtMs = this.#firstTokenAtMs ?? nowMs
    return {
      queueMs: this.#admittedAtMs - this.#submittedAtMs,
      imageMs: this.#loadedAtMs - this.#admittedAtMs,
      visionMs: this.#featuresAtMs - this.#loadedAtMs,
      prefillMs: firstTokenAtMs - this.#featuresAtMs,
      decodeMs: nowMs - firstTokenAtMs,
      ttftMs: firstTokenAtMs - this.#submittedAtMs,
    }
  }
}
