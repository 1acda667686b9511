import { strict as assert } from 'node:assert'

/**
 * Events for one consumer: all of them in order, then the end or the error. What waits in it is bounded by its
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
    if (this.#asked === null) this.#events.push(event)
    else this.#answer().resolve({ done: false, value: event })
  }

  end(): void {
    this.#end = 'end'
    if (this.#asked !== null) this.#answer().resolve({ done: true, value: undefined })
  }

  fail(error: unknown): void {
    if (this.#asked === null) {
      this.#end = { error }
      return
    }
    this.#end = 'end'
    this.#answer().reject(error)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<T>> {
    assert(this.#asked === null, 'a consumer asks for one event at a time')
    const event = this.#events.shift()
    if (event !== undefined) return Promise.resolve({ done: false, value: event })
    if (this.#end === null) {
      this.#asked = Promise.withResolvers()
      return this.#asked.promise
    }
    const end = this.#end
    this.#end = 'end'
    return end === 'end' ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(end.error)
  }

  return(): Promise<IteratorResult<T>> {
    this.#events.length = 0
    this.#onReturn()
    this.#end = 'end'
    if (this.#asked !== null) this.#answer().resolve({ done: true, value: undefined })
    return Promise.resolve({ done: true, value: undefined })
  }

  #answer(): PromiseWithResolvers<IteratorResult<T>> {
    const asked = this.#asked
    assert(asked !== null)
    this.#asked = null
    return asked
  }
}
