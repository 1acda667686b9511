import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FeatureId, RowSampling, Sampled } from '../../../backend/engine/runner.ts'
import { readModelConfig } from '../../../backend/model/read-model-config.ts'
import type { WorkerRunner } from '../../../backend/runtime/worker-runner.ts'
import { convert, models, remove, start } from './support/converted-model.ts'
import { type Case, encodeImages, greedy, noiseCases, readCases, rowOf } from './support/prompts.ts'

const tolerance = 1e-4
/** Below this share of the range two tokens are as good as equal. */
const clearMargin = 5e-3

/** The model's whole distribution, by token. */
function distribution(sampled: Sampled | null | undefined): Float64Array {
  const top = sampled?.logprobs?.top ?? []
  const logprobs = new Float64Array(top.length)
  for (const { token, logprob } of top) logprobs[token] = logprob
  return logprobs
}

function expectSame(actual: Sampled | null | undefined, expected: Sampled | null | undefined) {
  const [a, b] = [distribution(actual), distribution(expected)]
  const [first, second, last] = [0, 1, -1].map((rank) => expected?.logprobs?.top.at(rank)?.logprob ?? 0)
  const range = (first ?? 0) - (last ?? 0)
  expect(a.length).toBe(b.length)
  expect(range).toBeGreaterThan(0)
  expect(
    Math.max(...a.map((logprob, token) => Math.abs(logprob - (b[token] ?? Number.NaN)))) / range,
  ).toBeLessThan(tolerance)
  if (((first ?? 0) - (second ?? 0)) / range > clearMargin) expect(actual?.token).toBe(expected?.token)
}

describe.each(models)('$name', (model) => {
  let dir: string
  let runner: WorkerRunner
  let cases: Case[]
  let features: FeatureId[][]
  let whole: RowSampling

  beforeAll(async () => {
    dir = await convert(model)
    const config = await readModelConfig(dir)
    runner = await start(dir)
    cases = model.recorded ? readCases(model.dir, config.tokens.image) : noiseCases(config, 7)
    features = []
    for (const { name, prompt } of cases) features.push(await encodeImages(runner, prompt, name))
    whole = { ...greedy, promptLength: 0, allowed: null, logprobs: runner.vocabSize }
  })
  afterAll(async () => {
    await runner.close()
    await remove(dir)
  })

  /** Feeds a case's prompt in chunks; the last one samples. */
  async function prefill(index: number, slot: number, chunk: number): Promise<Sampled | null | undefined> {
    const { prompt } = cases[index] as Case
    let sampled: Sampled | null | undefined
    for (let from = 0; from < prompt.tokens.length; from += chunk) {
      const to = Math.min(from + chunk, prompt.tokens.length)
      const sampling = to === prompt.tokens.length ? whole : null
      const row = rowOf(prompt, [], { slot, from, to, features: features[index] ?? [], sampling })
      sampled = (await runner.step([row]))[0]
    }
    return sampled
  }

  /** The next token of the recorded answer, for every case at its slot, in one step. */
  function decode(at: number, slots: readonly { index: number; slot: number }[]) {
    return runner.step(
      slots.map(({ index, slot }) => {
        const { prompt, generated } = cases[index] as Case
        const from = prompt.tokens.length + at
        return rowOf(prompt, generated, { slot, from, to: from + 1, features: [], sampling: whole })
      }),
    )
  }

  test('a prompt in chunks gives the distribution of the whole', async () => {
    for (const index of cases.keys()) {
      const expected = await prefill(index, 0, 512)
      for (const chunk of [7, 32]) expectSame(await prefill(index, 1, chunk), expected)
    }
  })

  test('rows decode together as they do alone, holes between their slots or not', async () => {
    const all = [...cases.keys()].slice(0, 4)
    const alone: (Sampled | null | undefined)[][] = []
    for (const index of all) {
      await prefill(index, 0, 512)
      const answers = []
      for (let at = 0; at < 6; at++) answers.push((await decode(at, [{ index, slot: 0 }]))[0])
      alone.push(answers)
    }
    const arrangements = [
      all.map((index) => ({ index, slot: index })),
      [
        { index: 0, slot: 3 },
        { index: 1, slot: 0 },
      ],
    ]
    for (const rows of arrangements) {
      for (const { index, slot } of rows) await prefill(index, slot, 512)
      for (let at = 0; at < 6; at++) {
        const sampled = await decode(at, rows)
        for (const [row, { index }] of rows.entries()) expectSame(sampled[row], alone[index]?.[at])
      }
    }
  })

  test('an answer is the same beside a slot that holds many times as much', async () => {
    const answer = async () => {
      await prefill(0, 0, 512)
      const sampled = []
      for (let at = 0; at < 6; at++) sampled.push((await decode(at, [{ index: 0, slot: 0 }]))[0])
      return sampled
    }
    const alone = await answer()
    const tokens = new Array<number>(runner.maxLength - 1).fill(0)
    const positions = new Int32Array(3 * tokens.length)
    await runner.step([{ slot: 1, start: 0, tokens, positions, images: [], sampling: null }])
    for (const [at, sampled] of (await answer()).entries()) expectSame(sampled, alone[at])
    await runner.step([
      { slot: 1, start: 0, tokens: [0], positions: new Int32Array(3), images: [], sampling: null },
    ])
  })

  test('a step sent twice changes nothing', async () => {
    await prefill(0, 0, 512)
    const first = await decode(0, [{ index: 0, slot: 0 }])
    expect(await decode(0, [{ index: 0, slot: 0 }])).toEqual(first)
  })
})
