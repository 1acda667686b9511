import { ApiError } from './errors.ts'

/** Remembers the nonces of accepted signatures for as long as they could be replayed. */
export interface NonceStore {
  /** True the first time, false for a nonce it still remembers. */
  remember(nonce: string, expiresMs: number, nowMs: number): boolean | Promise<boolean>
}

/** 100,000 in two minutes: more than 800 requests a second, far beyond one backend. */
const defaultMaxNonces = 100_000

/** The store of a backend that is one process. Full, it refuses work rather than forget a nonce. */
export class MemoryNonceStore implements NonceStore {
  readonly #expiries = new Map<string, number>()
  readonly #maxNonces: number

  constructor(maxNonces = defaultMaxNonces) {
    this.#maxNonces = maxNonces
  }

  remember(nonce: string, expiresMs: number, nowMs: number): boolean {
    this.#forgetExpired(nowMs)
    if (this.#expiries.has(nonce)) return false
    if (this.#expiries.size >= this.#maxNonces) {
      throw new ApiError('queue_full', 'too many requests in the last two minutes', { retryAfterS: 1 })
    }
    this.#expiries.set(nonce, expiresMs)
    return true
  }

  // A map keeps insertion order and all nonces live equally long, so the oldest come first.
  #forgetExpired(nowMs: number) {
    for (const [nonce, expiresMs] of this.#expiries) {
      if (expiresMs > nowMs) return
      this.#expiries.delete(nonce)
    }
  }
}
