import { ApiError } from '../shared/errors.ts'

/** Bodies and pictures come and go with requests: a moment later there is room. */
const RETRY_AFTER_S = 1

/** What one request holds of the budget; to be released when it ends. */
export interface ByteHold {
  /** @throws {ApiError} `queue_full`: the others hold too much. */
  take(bytes: number): void
  give(bytes: number): void
  /** Gives back what is left; more than once is fine. */
  release(): void
}

/**
 * Bytes that all requests together may keep in memory: bodies and packed pictures, for as long as their requests live.
 * Invariant: over the limit only while a single request holds anything, so that no request is too large for ever.
 */
export class ByteBudget {
  readonly maxBytes: number
  #used = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  get used(): number {
    return this.#used
  }

  open(): ByteHold {
    let own = 0
    const give = (bytes: number) => {
      own -= bytes
      this.#used -= bytes
    }
    return {
      take: (bytes) => {
        if (this.#used > own && this.#used + bytes > this.maxBytes) {
          const message = 'the requests under way hold too much memory'
          throw new ApiError('queue_full', message, { retryAfterS: RETRY_AFTER_S })
        }
        own += bytes
        this.#used += bytes
      },
      give,
      release: () => give(own),
    }
  }
}
