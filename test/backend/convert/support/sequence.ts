import type { ExpectedCase } from '../../../../bench/parity/expected-case.ts'
import type { GraphRunner } from './graph-runner.ts'

/** Everything a case's prompt and recorded answer feed the decoder, teacher-forced. */
export interface Sequence {
  readonly length: number
  readonly promptLength: number
  /** f32 [length, hidden] */
  readonly embeddings: Float32Array
  /** The three positions of tokens `from` … `to` − 1, [3, to − from]. */
  positions(from: number, to: number): Int32Array
}

/** Embeds prompt and answer, with the pictures' features (the recorded ones unless given) in their places. */
export async function teacherForced(
  runner: GraphRunner,
  expected: ExpectedCase,
  features: Float32Array = expected.features,
): Promise<Sequence> {
  const { hiddenSize } = runner.config.text
  const ids = [...expected.ids, ...expected.generated]
  const embeddings = (await runner.embed(ids)).slice()
  let next = 0
  ids.forEach((id, i) => {
    if (i >= expected.ids.length || id !== runner.config.tokens.image) return
    embeddings.set(features.subarray(next * hiddenSize, (next + 1) * hiddenSize), i * hiddenSize)
    next += 1
  })
  const position = (axis: number, index: number) =>
    index < expected.ids.length
      ? (expected.positions[axis * expected.ids.length + index] ?? 0)
      : index + expected.ropeDelta
  return {
    length: ids.length,
    promptLength: expected.ids.length,
    embeddings,
    positions: (from, to) =>
      Int32Array.from({ length: 3 * (to - from) }, (_, i) =>
        position(Math.floor(i / (to - from)), from + (i % (to - from))),
      ),
  }
}

/** Feeds tokens `from` … `to` − 1 of a sequence. */
export function feedOf(
  runner: GraphRunner,
  sequence: Sequence,
  cache: ReturnType<GraphRunner['newCache']>,
  from: number,
  to: number,
) {
  const { hiddenSize } = runner.config.text
  return {
    cache,
    embeddings: sequence.embeddings.subarray(from * hiddenSize, to * hiddenSize),
    positions: sequence.positions(from, to),
  }
}

/** Logits before every token of the answer, f32 [answer length, vocab]: the whole prompt in one step, then token by token. */
export async function answerLogits(runner: GraphRunner, sequence: Sequence): Promise<Float32Array> {
  const { vocabSize } = runner.config.text
  const answer = sequence.length - sequence.promptLength
  const logits = new Float32Array(answer * vocabSize)
  const cache = runner.newCache()
  logits.set(
    await runner.step(
      [feedOf(runner, sequence, cache, 0, sequence.promptLength)],
      [sequence.promptLength - 1],
    ),
  )
  for (let i = 1; i < answer; i += 1) {
    const at = sequence.promptLength + i - 1
    logits.set(await runner.step([feedOf(runner, sequence, cache, at, at + 1)], [0]), i * vocabSize)
  }
  return logits
}
