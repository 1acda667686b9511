import assert from 'node:assert'
import { getHeapStatistics } from 'node:v8'
import { parentPort, workerData } from 'node:worker_threads'
import { compileGrammar, type Grammar } from './grammar.ts'
import { GrammarTooLargeError } from './limits.ts'
import type { State } from './machine/state.ts'
import { Masker } from './masker.ts'
import type { Result, ThreadData, Work } from './protocol.ts'
import { SchemaError } from './schema/schema-node.ts'
import { bytesOf, type Vocabulary } from './vocabulary.ts'

/** Above this share of its heap the thread lets go of everything that can be made again. */
const fullShare = 0.6

interface Sequence {
  readonly grammar: Grammar
  readonly digest: string
  state: State
}

/** The thread's side of the work: holds compiled grammars and where the open sequences stand. */
class GrammarHost {
  readonly #vocabulary: Vocabulary
  readonly #masker: Masker
  readonly #grammars = new Map<string, Grammar>()
  readonly #sequences = new Map<number, Sequence>()

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary
    this.#masker = new Masker(vocabulary)
  }

  do(work: Work): Result {
    switch (work.type) {
      case 'compile':
        return this.#compile(work.digest, work.schema)
      case 'open':
        return this.#open(work.sequence, work.digest, work.tokens)
      case 'next':
        return this.#next(work.sequence, work.token)
      case 'close':
        this.#sequences.delete(work.sequence)
        return { type: 'done' }
      case 'forget':
        this.#grammars.delete(work.digest)
        return { type: 'done' }
    }
  }

  tidy(maxHeapBytes: number): void {
    if (getHeapStatistics().used_heap_size < fullShare * maxHeapBytes) return
    for (const grammar of this.#grammars.values()) grammar.forget()
  }

  #compile(digest: string, schema: unknown): Result {
    try {
      this.#grammars.set(digest, compileGrammar(schema))
      return { type: 'done' }
    } catch (error) {
      if (!(error instanceof SchemaError || error instanceof GrammarTooLargeError)) throw error
      return { type: 'refused', message: error.message }
    }
  }

  #open(id: number, digest: string, tokens: readonly number[]): Result {
    const grammar = this.#grammars.get(digest)
    assert(grammar !== undefined, 'a grammar is compiled here before a sequence opens')
    const sequence = { grammar, digest, state: grammar.start() }
    for (const token of tokens) this.#take(sequence, token)
    this.#sequences.set(id, sequence)
    return { type: 'done' }
  }

  #next(id: number, token: number | null): Result {
    const sequence = this.#sequences.get(id)
    assert(sequence !== undefined, 'a sequence is open until it is closed')
    if (token !== null) this.#take(sequence, token)
    return { type: 'mask', mask: this.#masker.mask(sequence.digest, sequence.state) }
  }

  #take(sequence: Sequence, token: number): void {
    // after the end-of-sequence token the text is what it was
    if (this.#vocabulary.eosTokens.includes(token) && sequence.state.mayEnd) return
    const bytes = bytesOf(this.#vocabulary, token)
    assert(bytes.length > 0, 'a token that the mask allowed writes something')
    for (const byte of bytes) {
      const next = sequence.state.step(byte)
      assert(next !== null, 'only tokens that the mask allowed are taken')
      sequence.state = next
    }
    sequence.state = sequence.grammar.renew(sequence.state)
  }
}

function serve(port: NonNullable<typeof parentPort>, { vocabulary, maxHeapBytes }: ThreadData): void {
  const host = new GrammarHost(vocabulary)
  port.postMessage({ type: 'done' } satisfies Result)
  port.on('message', (work: Work) => {
    const result = attempt(host, work)
    port.postMessage(result, result.type === 'mask' ? [result.mask.buffer] : [])
    host.tidy(maxHeapBytes)
  })
}

function attempt(host: GrammarHost, work: Work): Result {
  try {
    return host.do(work)
  } catch (error) {
    return { type: 'failed', message: error instanceof Error ? error.message : String(error) }
  }
}

assert(parentPort !== null, 'runs as a worker thread')
serve(parentPort, workerData)
