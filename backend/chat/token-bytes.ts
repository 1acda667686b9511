/** The bytes each token stands for, end to end in one buffer: a hundred thousand small arrays would take ten times it. */
export class TokenBytes {
  /** Ids from 0 up to here have an entry, maybe an empty one. */
  readonly size: number
  /** Length of the longest. */
  readonly maxLength: number
  readonly #bytes: Uint8Array
  /** Token i's bytes run from `#ends[i - 1]` to `#ends[i]`. */
  readonly #ends: Uint32Array

  constructor(byToken: ReadonlyMap<number, ArrayLike<number>>) {
    let size = 0
    let maxLength = 0
    for (const [token, { length }] of byToken) {
      size = Math.max(size, token + 1)
      maxLength = Math.max(maxLength, length)
    }
    this.size = size
    this.maxLength = maxLength
    this.#ends = new Uint32Array(this.size)
    let end = 0
    for (let token = 0; token < this.size; token++) {
      end += byToken.get(token)?.length ?? 0
      this.#ends[token] = end
    }
    this.#bytes = new Uint8Array(end)
    for (const [token, bytes] of byToken) this.#bytes.set(bytes, (this.#ends[token] ?? 0) - bytes.length)
  }

  /** A view, not to be changed; empty for ids that have no entry. */
  get(token: number): Uint8Array {
    if (token < 0 || token >= this.size) return this.#bytes.subarray(0, 0)
    return this.#bytes.subarray(token === 0 ? 0 : this.#ends[token - 1], this.#ends[token])
  }
}
