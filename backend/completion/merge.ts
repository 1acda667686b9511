/** The items of all sources as they come, in turns. When one fails so does the merge; leaving it leaves them all. */
export async function* merge<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  const asked = new Map<AsyncIterator<T>, Promise<Arrival<T>>>()
  const ask = (iterator: AsyncIterator<T>) => {
    asked.delete(iterator) // set again, it goes to the end: the race favours who waited longest
    asked.set(
      iterator,
      iterator.next().then((result) => ({ iterator, result })),
    )
  }
  for (const source of sources) ask(source[Symbol.asyncIterator]())
  try {
    while (asked.size > 0) {
      const { iterator, result } = await Promise.race(asked.values())
      if (result.done === true) asked.delete(iterator)
      else {
        yield result.value
        ask(iterator)
      }
    }
  } finally {
    for (const [iterator, arrival] of asked) {
      arrival.catch(() => {}) // nobody waits for it any more
      iterator.return?.().catch(() => {})
    }
  }
}

interface Arrival<T> {
  readonly iterator: AsyncIterator<T>
  readonly result: IteratorResult<T>
}
