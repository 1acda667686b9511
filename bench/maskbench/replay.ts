import { readFileSync } from 'node:fs'
import type { Grammar, Grammars } from '../../backend/grammar/grammars.ts'
import { ApiError } from '../../shared/errors.ts'
import { instanceTexts } from './instance-text.ts'

/** `forbidden`: an instance was let through that the schema rules out; `missed`: one was refused that it allows. */
export type Verdict = 'right' | 'refused' | 'forbidden' | 'missed' | 'hang' | 'crash'

export interface ReplayResult {
  readonly verdict: Verdict
  readonly note: string
  /** Until the first mask could be asked for; null where nothing was compiled. */
  readonly compileMs: number | null
  readonly masksMs: readonly number[]
}

interface BenchFile {
  readonly schema: unknown
  readonly tests: readonly { readonly valid: boolean }[]
}

const never = new AbortController().signal

/** Compiles one file's schema and replays its instances token by token through the masks, the end of text included. */
export async function replayFile(
  grammars: Grammars,
  tokenize: (text: string) => number[],
  eosToken: number,
  file: string,
): Promise<ReplayResult> {
  const source = readFileSync(file, 'utf8')
  const { schema, tests }: BenchFile = JSON.parse(source)
  const texts = instanceTexts(source)
  const masksMs: number[] = []
  let compileMs: number | null = null
  try {
    const started = performance.now()
    const grammar = await grammars.compile({ type: 'json_schema', schema }, never)
    compileMs = performance.now() - started
    let worst: { verdict: Verdict; note: string } = { verdict: 'right', note: '' }
    for (const [index, { valid }] of tests.entries()) {
      const tokens = [...tokenize(texts[index] ?? ''), eosToken]
      const taken = await replay(grammar, tokens, masksMs)
      if ((taken === tokens.length) === valid || worst.verdict === 'forbidden') continue
      worst = { verdict: valid ? 'missed' : 'forbidden', note: `instance ${index}, token ${taken}` }
    }
    return { ...worst, compileMs, masksMs }
  } catch (error) {
    return { ...failure(error), compileMs, masksMs }
  }
}

/** How many of the tokens the masks allow. */
async function replay(grammar: Grammar, tokens: readonly number[], masksMs: number[]): Promise<number> {
  const constraint = grammar.start()
  try {
    let last: number | null = null
    for (const [index, token] of tokens.entries()) {
      const started = performance.now()
      const mask = await constraint.next(last)
      masksMs.push(performance.now() - started)
      if ((((mask[token >> 5] ?? 0) >> (token & 31)) & 1) === 0) return index
      last = token
    }
    return tokens.length
  } finally {
    constraint.close()
  }
}

function failure(error: unknown): { verdict: Verdict; note: string } {
  const note = error instanceof Error ? error.message : String(error)
  if (note.includes('took longer than'))
    return { verdict: error instanceof ApiError ? 'refused' : 'hang', note }
  return {
    verdict: error instanceof ApiError && error.code === 'unsupported_schema' ? 'refused' : 'crash',
    note,
  }
}
