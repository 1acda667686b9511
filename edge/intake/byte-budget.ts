import { ApiError } from '../../shared/errors.ts'

/**
 * Bytes of request bodies this isolate may hold at once. An isolate has 128 MB for everything; beyond the budget a
 * request is told to come back, instead of all of them dying together.
 */
export class ByteBudget {
  readonly #most: number
  #held = 0

  constructor(most: number) {
    this.#most = most
  }

  get held() {
    return this.#held
  }

  /** @throws ApiError `queue_full` when the budget is used up. */
  take(bytes: number) {
    if (this.#held + bytes > this.#most) {
      throw new ApiError('queue_full', 'the gateway is holding as much as it can', { retryAfterS: 1 })
    }
    this.#held += bytes
  }

  giveBack(bytes: number) {
    this.#held -= bytes
  }
}

/** What one request holds of the budget. Given back as a whole when the request ends. */
export class HeldBytes {
  readonly #budget: ByteBudget
  readonly #most: number
  #held = 0
  #closed = false

  /** @param most bytes one request may hold */
  constructor(budget: ByteBudget, most: number) {
    this.#budget = budget
    this.#most = most
  }

  /** @throws ApiError `body_too_large` beyond the request's share, `queue_full` beyond the isolate's. */
  take(bytes: number) {
    if (this.#closed) throw new Error('the request has ended')
    if (this.#held + bytes > this.#most) {
      throw new ApiError('body_too_large', `a request may hold at most ${this.#most} bytes`)
    }
    this.#budget.take(bytes)
    this.#held += bytes
  }

  giveBack(bytes: number) {
    this.#held -= bytes
    this.#budget.giveBack(bytes)
  }

  /** Gives everything back; from now on nothing can be taken, whoever is still reading. */
  close() {
    this.#closed = true
    this.giveBack(this.#held)
  }
}
