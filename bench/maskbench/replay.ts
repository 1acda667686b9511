import { readFileSync } from 'node:fs'
import { compileGrammar, type Grammar } from '../../backend/grammar/grammar.ts'
import { GrammarTooLargeError } from '../../backend/grammar/limits.ts'
import { Masker } from '../../backend/grammar/masker.ts'
import { SchemaError } from '../../backend/grammar/schema/schema-node.ts'
import { bytesOf, type Vocabulary } from '../../backend/grammar/vocabulary.ts'
import { instanceTexts } from './instance-text.ts'

/** `forbidden`: an instance was let through that the schema rules out; `missed`: one was refused that it allows. */
export type Verdict = 'right' | 'refused' | 'forbidden' | 'missed' | 'hang' | 'crash'

export interface ReplayResult {
  readonly verdict: Verdict
  readonly note: string
  /** Time on the processor, which other programs do not lengthen; null where nothing was compiled. */
  readonly compileMs: number | null
  readonly masksMs: Float64Array<ArrayBuffer>
  /** The same masks on the clock, finer than the processor's count. */
  readonly masksClockMs: Float64Array<ArrayBuffer>
}

/** Cuts a text into a vocabulary's tokens. */
export type Tokenize = (text: string) => number[]

interface BenchFile {
  readonly schema: unknown
  readonly tests: readonly { readonly valid: boolean }[]
}

/** The deadline of the server. */
export const compileDeadlineMs = 2_000

/** Compiles one file's schema and replays its instances token by token through the masks, the end of text included. */
export function replayFile(vocabulary: Vocabulary, tokenize: Tokenize, file: string): ReplayResult {
  const source = readFileSync(file, 'utf8')
  const { schema, tests }: BenchFile = JSON.parse(source)
  const texts = instanceTexts(source)
  const times: MaskTimes = { cpuMs: [], clockMs: [] }
  let compileMs: number | null = null
  let verdict: Verdict = 'right'
  let note = ''
  try {
    const started = process.threadCpuUsage()
    const grammar = compileGrammar(schema)
    compileMs = cpuMsSince(started)
    if (compileMs > compileDeadlineMs) return result('refused', 'past the deadline', null, times)
    const masker = new Masker(vocabulary)
    for (const [index, { valid }] of tests.entries()) {
      const tokens = [...tokenize(texts[index] ?? ''), ...vocabulary.eosTokens.slice(0, 1)]
      const taken = replay(grammar, masker, vocabulary, tokens, times)
      if ((taken === tokens.length) === valid || verdict === 'forbidden') continue
      verdict = valid ? 'missed' : 'forbidden'
      note = `instance ${index}, token ${taken}`
    }
  } catch (error) {
    const expected = error instanceof SchemaError || error instanceof GrammarTooLargeError
    return result(expected ? 'refused' : 'crash', String(error), compileMs, times)
  }
  return result(verdict, note, compileMs, times)
}

interface MaskTimes {
  readonly cpuMs: number[]
  readonly clockMs: number[]
}

function result(verdict: Verdict, note: string, compileMs: number | null, times: MaskTimes): ReplayResult {
  const masksMs = Float64Array.from(times.cpuMs)
  return { verdict, note, compileMs, masksMs, masksClockMs: Float64Array.from(times.clockMs) }
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}

/** How many of the tokens the masks allow. */
function replay(
  grammar: Grammar,
  masker: Masker,
  vocabulary: Vocabulary,
  tokens: readonly number[],
  times: MaskTimes,
): number {
  let state = grammar.start()
  for (const [index, token] of tokens.entries()) {
    const before = process.threadCpuUsage()
    const started = performance.now()
    const mask = masker.mask('', state)
    times.clockMs.push(performance.now() - started)
    times.cpuMs.push(cpuMsSince(before))
    if ((((mask[token >> 5] ?? 0) >> (token & 31)) & 1) === 0) return index
    for (const byte of bytesOf(vocabulary, token)) state = state.step(byte) ?? state
    state = grammar.renew(state)
  }
  return tokens.length
}
