import { type GrammarThread, ThreadLostError } from './grammar-thread.ts'

/** A schema that compiles, under the digest of its text. */
export interface GrammarEntry {
  readonly digest: string
  readonly schema: unknown
  readonly bytes: number
}

/** What a sequence needs of the pool of threads. */
export interface ThreadPool {
  readonly maskDeadlineMs: number
  readonly compileDeadlineMs: number
  /** A thread that has the entry compiled, with the sequence counted on it. */
  lease(entry: GrammarEntry): Promise<GrammarThread>
}

/** Satisfies the engine's `Constraint`: says which tokens may come next in one sequence. */
export interface GrammarConstraint {
  /** The mask for the next token, after `accepted` (null at the start). Bit i allows token i. */
  next(accepted: number | null): Promise<Uint32Array<ArrayBuffer>>
  close(): void
}

/** Work moves to another thread this often when threads are lost around it. */
export const maxMoves = 3

/** One sequence: where it stands is held by a thread, and can be told to another one. */
export class SequenceConstraint implements GrammarConstraint {
  readonly #pool: ThreadPool
  readonly #entry: GrammarEntry
  readonly #sequence: number
  readonly #tokens: number[] = []
  #thread: GrammarThread | null = null
  #closed = false

  constructor(pool: ThreadPool, entry: GrammarEntry, sequence: number) {
    this.#pool = pool
    this.#entry = entry
    this.#sequence = sequence
  }

  async next(accepted: number | null): Promise<Uint32Array<ArrayBuffer>> {
    if (accepted !== null) this.#tokens.push(accepted)
    for (let move = 0; ; move++) {
      try {
        return this.#thread === null ? await this.#begin() : await this.#ask(this.#thread, accepted)
      } catch (error) {
        this.#release()
        const innocent = error instanceof ThreadLostError && !error.atFault
        if (!innocent || move >= maxMoves || this.#closed) throw error
      }
    }
  }

  close(): void {
    this.#closed = true
    this.#release()
  }

  /** On a new thread, with all tokens so far. */
  async #begin(): Promise<Uint32Array<ArrayBuffer>> {
    const thread = await this.#pool.lease(this.#entry)
    this.#thread = thread
    if (this.#closed) throw new Error('closed while it waited for a thread')
    const { digest } = this.#entry
    const opening = { type: 'open', sequence: this.#sequence, digest, tokens: this.#tokens } as const
    const opened = await thread.run(opening, this.#pool.compileDeadlineMs)
    if (opened.type === 'failed') throw new Error(opened.message)
    return this.#ask(thread, null)
  }

  async #ask(thread: GrammarThread, token: number | null): Promise<Uint32Array<ArrayBuffer>> {
    const result = await thread.run(
      { type: 'next', sequence: this.#sequence, token },
      this.#pool.maskDeadlineMs,
    )
    if (result.type !== 'mask')
      throw new Error(result.type === 'failed' ? result.message : 'no mask came back')
    return result.mask
  }

  #release(): void {
    const thread = this.#thread
    this.#thread = null
    if (thread === null) return
    thread.sequences--
    // a lost thread has nothing left to close
    thread.run({ type: 'close', sequence: this.#sequence }, this.#pool.maskDeadlineMs).catch(() => undefined)
  }
}
