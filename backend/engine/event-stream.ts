import { strict as assert } from 'node:assert'

/**
 * Events for one consumer: all of them in order, then the end or the error. A consumer that waits is answered when the
 * producer wakes it, so that the producer decides when consumers' work begins. What waits in it is bounded by its
 * producer (a request's maxNewTokens); a consumer that stops iterating is told to the producer through `onReturn`.
 */
export class EventStream<T> implements AsyncIterableIterator<T> {
  readonly #events: T[] = []
  readonly #onReturn: () => void
  #end: { readonly error: unknown } | 'end' | null = null
  #asked: PromiseWithResolvers<IteratorResult<T>> | null = null

  constructor(onReturn: () => void) {
    this.#onReturn = onReturn
  }

  push(event: T): void {
    assert(this.#end === null, 'nothing comes after the end')
    this.#events.push(event)
  }

  end(): void {
    this.#end = 'end'
  }

  fail(error: unknown): void {
    this.#end = { error }
  }

  /** Answers a consumer that waits, if there is something for it. */
  wake(): void {
    const asked = this.#asked
    if (asked === null) return
    const event = this.#events.shift()
    if (event === undefined && this.#end === null) return
    this.#asked = null
    if (event !== undefined) {
      asked.resolve({ done: false, value: event })
      return
    }
    const end = this.#end
    this.#end = 'end'
    if (end === null || end === 'end') asked.resolve({ done: true, value: undefined })
    else asked.reject(end.error)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<T>> {
    assert(this.#asked === null, 'a consumer asks for one event at a time')
    this.#asked = Promise.withResolvers()
    const { promise } = this.#asked
    this.wake()
    return promise
  }

  return(): Promise<IteratorResult<T>> {
    this.#events.length = 0
    this.#onReturn()
    this.#end = 'end'
    this.wake()
    return Promise.resolve({ done: true, value: undefined })
  }
}
