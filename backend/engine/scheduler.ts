import type { Picture } from './feature-cache.ts'
import type { Sequence } from './sequence.ts'

/** What the worker does next: one picture, one sequence's prefill chunk, or one token for everybody. */
export type Step =
  | { readonly type: 'encode'; readonly picture: Picture }
  | { readonly type: 'prefill'; readonly rows: readonly [StepRow] }
  | { readonly type: 'decode'; readonly rows: readonly StepRow[] }

export interface StepRow {
  readonly sequence: Sequence
  /** How many of its pending tokens are fed. */
  readonly count: number
}

/**
 * The next step for the admitted sequences, oldest first; null when all of them wait. A decode step follows every
 * picture and every prefill chunk, and the other way round, as long as there is work of both kinds: new prompts never
 * hold up running answers by more than one chunk or picture, nor the answers the prompts.
 * @param prefillChunk prompt tokens of a step, at most
 */
export function nextStep(
  running: readonly Sequence[],
  previous: Step['type'] | null,
  prefillChunk: number,
): Step | null {
  const first = previous === 'decode' ? [newWork, decode] : [decode, newWork]
  for (const choose of first) {
    const step = choose(running, prefillChunk)
    if (step !== null) return step
  }
  return null
}

/** Pictures before chunks, sequence by sequence: encoding one makes room to load the next meanwhile. */
function newWork(running: readonly Sequence[], prefillChunk: number): Step | null {
  for (const sequence of running) {
    const loaded = sequence.needed.find(({ picture }) => picture.state.type === 'loaded')
    if (loaded !== undefined) return { type: 'encode', picture: loaded.picture }
    const count = sequence.pending > 1 ? sequence.feedable(prefillChunk) : 0
    if (count > 0) return { type: 'prefill', rows: [{ sequence, count }] }
  }
  return null
}

/** Everybody with one token to feed; a suspect goes alone, so that its failure is nobody else's. */
function decode(running: readonly Sequence[]): Step | null {
  const ready = running.filter((sequence) => sequence.pending === 1 && sequence.feedable(1) === 1)
  const suspect = ready.find((sequence) => sequence.suspect)
  const rows = (suspect === undefined ? ready : [suspect]).map((sequence) => ({ sequence, count: 1 }))
  return rows.length === 0 ? null : { type: 'decode', rows }
}
