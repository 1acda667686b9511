import type { RunStore, StoredHead } from './run-store.ts'

/** Answers kept in full; a longer one cannot be repeated and is broken off. */
const maxAnswerBytes = 4 * 1024 * 1024

export type Begin = 'run' | 'join' | 'mismatch' | 'lost'

/** A run under way: its answer so far, and those who wait for more. */
interface LiveRun {
  head: StoredHead | null
  readonly chunks: Uint8Array[]
  bytes: number
  ended: boolean
  changed: PromiseWithResolvers<void>
}

/**
 * What was answered under each `Idempotency-Key` of one API key. The first request with a key runs; others with the
 * same body join it while it runs and get a copy after. Live answers are in memory and written once, when they end: a
 * crash in between is known by a run that began and is nowhere, and such a run is never started again.
 */
export class RunLog {
  readonly #store: RunStore
  readonly #live = new Map<string, LiveRun>()

  constructor(store: RunStore) {
    this.#store = store
  }

  begin(key: string, fingerprint: string, nowMs: number): Begin {
    const known = this.#store.find(key, nowMs)
    if (known === null) {
      this.#store.begin(key, fingerprint, nowMs)
      this.#live.set(key, {
        head: null,
        chunks: [],
        bytes: 0,
        ended: false,
        changed: Promise.withResolvers(),
      })
      return 'run'
    }
    if (known.fingerprint !== fingerprint) return 'mismatch'
    return known.head !== null || this.#live.has(key) ? 'join' : 'lost'
  }

  /** False when the run is not known any more, or too long: its runner must stop. */
  append(key: string, head: StoredHead | null, chunk: Uint8Array): boolean {
    const run = this.#live.get(key)
    if (!run || run.bytes + chunk.length > maxAnswerBytes) return false
    run.head ??= head
    run.bytes += chunk.length
    if (chunk.length > 0) run.chunks.push(chunk)
    this.#wake(run)
    return true
  }

  finish(key: string) {
    const run = this.#live.get(key)
    if (!run?.head) return this.abandon(key)
    this.#store.finish(key, run.head, run.chunks)
    this.#end(key, run)
  }

  /** Nothing was answered: the next request with the key runs as if it were the first. */
  abandon(key: string) {
    this.#store.remove(key)
    const run = this.#live.get(key)
    if (run) this.#end(key, run)
  }

  /** The answer's head, once it is known; null when the run was abandoned. */
  async head(key: string, nowMs: number): Promise<StoredHead | null> {
    const run = this.#live.get(key)
    while (run && !run.head && !run.ended) await run.changed.promise
    return run ? run.head : (this.#store.find(key, nowMs)?.head ?? null)
  }

  /** The whole answer from its first byte, and on as it comes. */
  read(key: string): ReadableStream<Uint8Array> {
    const run = this.#live.get(key)
    const chunks = run ? run.chunks : this.#store.chunks(key)
    let next = 0
    return new ReadableStream({
      type: 'bytes',
      async pull(controller: ReadableByteStreamController) {
        while (run && next >= chunks.length && !run.ended) await run.changed.promise
        const chunk = chunks[next++]
        // The stream takes the buffer it is given; ours must stay for others.
        if (chunk) controller.enqueue(chunk.slice())
        else controller.close()
      },
    })
  }

  #end(key: string, run: LiveRun) {
    run.ended = true
    this.#live.delete(key)
    this.#wake(run)
  }

  #wake(run: LiveRun) {
    const { changed } = run
    run.changed = Promise.withResolvers()
    changed.resolve()
  }
}
