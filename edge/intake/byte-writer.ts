import type { HeldBytes } from './byte-budget.ts'

/** Capacity grows to the expected size only once this much has really come. */
const firstCapacity = 64 * 1024
const leastCapacity = 1024
const maxGrowth = 1024 * 1024
const encoder = new TextEncoder()

/**
 * One growing buffer, counted against the request's share. Pictures are decoded straight into it and it is sent as it
 * is, so that each byte is held once.
 */
export class ByteWriter {
  readonly #held: HeldBytes
  readonly #expected: number
  #bytes = new Uint8Array(0)
  #length = 0

  /** @param expected the final length as far as it can be told; no promise */
  constructor(held: HeldBytes, expected: number) {
    this.#held = held
    this.#expected = expected
  }

  get length() {
    return this.#length
  }

  /** Room for `count` bytes after the end, valid until the next call. Written bytes count after `advance`. */
  room(count: number): Uint8Array<ArrayBuffer> {
    const needed = this.#length + count
    if (needed > this.#bytes.length) this.#grow(needed)
    return this.#bytes.subarray(this.#length, needed)
  }

  advance(count: number) {
    this.#length += count
  }

  append(bytes: Uint8Array) {
    this.room(bytes.length).set(bytes)
    this.advance(bytes.length)
  }

  appendText(text: string) {
    this.append(encoder.encode(text))
  }

  /** Forgets everything after `length`. */
  truncate(length: number) {
    this.#length = Math.min(this.#length, length)
  }

  /** A view, valid until the writer grows. */
  view(start = 0, end = this.#length): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(start, end)
  }

  /** Frees a large buffer now, not when the collector comes by: megabytes of garbage are megabytes of memory. */
  release() {
    this.#held.giveBack(this.#bytes.length)
    if (this.#bytes.length > firstCapacity) this.#bytes.buffer.transfer(0)
    this.#bytes = new Uint8Array(0)
    this.#length = 0
  }

  #grow(needed: number) {
    const doubled = this.#bytes.length + Math.min(this.#bytes.length, maxGrowth)
    const expected = needed > firstCapacity ? this.#expected : Math.min(this.#expected, firstCapacity)
    const capacity = Math.max(needed, doubled, expected, leastCapacity)
    this.#held.take(capacity - this.#bytes.length)
    this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(capacity))
  }
}
