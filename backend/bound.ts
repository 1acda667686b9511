import { ApiError } from '../shared/errors.ts'

/** At most so many at once; one more is refused, not kept waiting. */
export class Bound {
  readonly #most: number
  readonly #refusal: string
  #inside = 0

  /** @param refusal what who comes too many is told */
  constructor(most: number, refusal: string) {
    this.#most = most
    this.#refusal = refusal
  }

  /** @throws {ApiError} `queue_full`, and what `work` throws. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside >= this.#most) throw new ApiError('queue_full', this.#refusal, { retryAfterS: 1 })
    this.#inside += 1
    try {
      return await work()
    } finally {
      this.#inside -= 1
    }
  }
}
