import assert from 'node:assert'
import { createHash } from 'node:crypto'
import { ApiError } from '../../shared/errors.ts'
import { GrammarThread, ThreadLostError } from './grammar-thread.ts'
import type { Result, Work } from './protocol.ts'
import {
  type GrammarConstraint,
  type GrammarEntry,
  maxMoves,
  SequenceConstraint,
} from './sequence-constraint.ts'
import { buildVocabulary, type Vocabulary } from './vocabulary.ts'

/** What a text must be, as `response_format` says it. */
export type GrammarFormat =
  | { readonly type: 'json_object' }
  | { readonly type: 'json_schema'; readonly schema: unknown }

export interface GrammarsOptions {
  /** What each token writes; null for special and added tokens, which no constrained text contains. */
  readonly tokenBytes: readonly (Uint8Array | null)[]
  /** Allowed where the text may end, and nowhere else. */
  readonly eosTokens: readonly number[]
  /** Threads to spread sequences over; as many as sequences run at once keep each to itself. Default 4. */
  readonly maxThreads?: number
  /** Default 2,000. */
  readonly compileDeadlineMs?: number
  /** Default 2,000: far more than a mask takes, for the machine may be busy with the model. */
  readonly maskDeadlineMs?: number
  /** Heap of one thread. Default 512 MiB. */
  readonly maxHeapBytes?: number
  /** Schemas kept compiled, by the length of their text. Default 16 MiB. */
  readonly maxCachedBytes?: number
}

/** A compiled format. Sequences of one grammar share nothing but the work. */
export interface Grammar {
  start(): GrammarConstraint
}

const maxGrammars = 256
const maxWaitingCompiles = 64
/** A schema's text; compiling takes memory and time in proportion. */
const maxSchemaBytes = 2 * 1024 * 1024
const param = 'response_format'

/** Compiles formats and hands out constraints, on threads of its own. */
export class Grammars {
  readonly #vocabulary: Vocabulary
  readonly #options: Required<Omit<GrammarsOptions, 'tokenBytes' | 'eosTokens'>>
  readonly #threads = new Set<GrammarThread>()
  /** Least recently used first. */
  readonly #entries = new Map<string, GrammarEntry>()
  readonly #compiling = new Map<string, Promise<void>>()
  #cachedBytes = 0
  #sequences = 0
  #closed = false

  constructor({ tokenBytes, eosTokens, ...options }: GrammarsOptions) {
    this.#vocabulary = buildVocabulary(tokenBytes, eosTokens)
    this.#options = {
      maxThreads: 4,
      compileDeadlineMs: 2_000,
      maskDeadlineMs: 2_000,
      maxHeapBytes: 512 * 2 ** 20,
      maxCachedBytes: 16 * 2 ** 20,
      ...options,
    }
  }

  /** @throws ApiError `unsupported_schema`, naming keyword and path, when the format cannot be enforced. */
  async compile(format: GrammarFormat, signal: AbortSignal): Promise<Grammar> {
    signal.throwIfAborted()
    const schema = format.type === 'json_object' ? { type: 'object' } : format.schema
    const text = JSON.stringify(schema) ?? ''
    if (text.length > maxSchemaBytes)
      throw unsupported(`the schema is longer than ${maxSchemaBytes} characters`)
    const digest = createHash('sha256').update(text).digest('hex')
    if (!this.#entries.has(digest))
      await abortable(this.#compileOnce({ digest, schema, bytes: text.length }), signal)
    const entry = this.#touch(digest) ?? { digest, schema, bytes: text.length }
    return { start: () => new SequenceConstraint(this, entry, ++this.#sequences) }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(Array.from(this.#threads, (thread) => thread.close()))
  }

  /** A thread that has the entry compiled, the idlest there is. Counts the sequence on it. */
  async lease(entry: GrammarEntry): Promise<GrammarThread> {
    const thread = this.#idlest(entry.digest)
    thread.sequences++
    try {
      if (!thread.grammars.has(entry.digest)) await this.#compileOn(thread, entry)
      return thread
    } catch (error) {
      thread.sequences--
      throw error
    }
  }

  get maskDeadlineMs(): number {
    return this.#options.maskDeadlineMs
  }

  get compileDeadlineMs(): number {
    return this.#options.compileDeadlineMs
  }

  async #compileOnce(entry: GrammarEntry): Promise<void> {
    const known = this.#compiling.get(entry.digest)
    if (known !== undefined) return known
    if (this.#compiling.size >= maxWaitingCompiles) {
      throw new ApiError('queue_full', 'too many schemas are being compiled', { retryAfterS: 1 })
    }
    const compiling = this.#compileAnywhere(entry)
      .then(() => this.#keep(entry))
      .finally(() => this.#compiling.delete(entry.digest))
    this.#compiling.set(entry.digest, compiling)
    return compiling
  }

  /** A thread that is lost over other work says nothing of this schema: another one tries. */
  async #compileAnywhere(entry: GrammarEntry): Promise<void> {
    for (let move = 0; ; move++) {
      try {
        return await this.#compileOn(this.#idlest(entry.digest), entry)
      } catch (error) {
        const innocent = error instanceof ThreadLostError && !this.#closed
        if (!innocent || move >= maxMoves) throw error
      }
    }
  }

  /** @throws ThreadLostError when the thread is lost over something else */
  async #compileOn(thread: GrammarThread, { digest, schema }: GrammarEntry): Promise<void> {
    const result = await this.#run(thread, { type: 'compile', digest, schema })
    if (result.type === 'refused') throw unsupported(result.message)
    if (result.type === 'failed') throw new Error(`compiling a schema failed: ${result.message}`)
    thread.grammars.add(digest)
  }

  async #run(thread: GrammarThread, work: Work): Promise<Result> {
    try {
      return await thread.run(work, this.#options.compileDeadlineMs)
    } catch (error) {
      const guilty = error instanceof ThreadLostError && error.atFault && !this.#closed
      throw guilty ? unsupported(`compiling it ${error.message}`) : error
    }
  }

  /** An idle thread that has the schema, any idle thread, a new one, or the least busy, in this order. */
  #idlest(digest: string): GrammarThread {
    assert(!this.#closed, 'nothing is compiled after close')
    for (const thread of this.#threads) if (thread.isLost) this.#threads.delete(thread)
    const busy = (thread: GrammarThread) => thread.sequences + thread.pending
    const byLoad = [...this.#threads].sort(
      (a, b) => busy(a) - busy(b) || Number(b.grammars.has(digest)) - Number(a.grammars.has(digest)),
    )
    const first = byLoad[0]
    if (first !== undefined && (busy(first) === 0 || this.#threads.size >= this.#options.maxThreads))
      return first
    const thread = new GrammarThread({
      vocabulary: this.#vocabulary,
      maxHeapBytes: this.#options.maxHeapBytes,
    })
    this.#threads.add(thread)
    return thread
  }

  #keep(entry: GrammarEntry): void {
    this.#entries.set(entry.digest, entry)
    this.#cachedBytes += entry.bytes
    for (const [digest, oldest] of this.#entries) {
      const fits = this.#cachedBytes <= this.#options.maxCachedBytes && this.#entries.size <= maxGrammars
      if (fits || digest === entry.digest) return
      this.#entries.delete(digest)
      this.#cachedBytes -= oldest.bytes
      for (const thread of this.#threads) {
        if (thread.grammars.delete(digest))
          thread.run({ type: 'forget', digest }, this.maskDeadlineMs).catch(() => undefined) // a lost thread has forgotten it
      }
    }
  }

  #touch(digest: string): GrammarEntry | undefined {
    const entry = this.#entries.get(digest)
    if (entry === undefined) return undefined
    this.#entries.delete(digest)
    this.#entries.set(digest, entry)
    return entry
  }
}

function unsupported(message: string): ApiError {
  return new ApiError('unsupported_schema', message, { param })
}

/** Stops waiting when the signal does; the work itself goes on for whoever asks next. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
