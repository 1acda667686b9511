import { expect, test } from 'vitest'
import type { RowSampling } from '../../../backend/engine/runner.ts'
import { uniformDraw } from '../../../backend/runtime/draw.ts'
import { PowerTable } from '../../../backend/runtime/power-table.ts'
import { Sampler } from '../../../backend/runtime/sampler.ts'
import { Random } from '../engine/support/random.ts'

const plain: RowSampling = {
  temperature: 0,
  topP: 1,
  topK: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  promptLength: 0,
  seed: 0,
  allowed: null,
  logprobs: null,
}

/** The obvious version: everything sorted, nothing reused. */
function slowSample(logits: Float32Array, history: Int32Array, options: RowSampling): number {
  const scores = Float32Array.from(logits)
  const answer = [...history.subarray(options.promptLength)]
  for (const token of new Set(history)) {
    const logit = scores[token] ?? 0
    scores[token] = logit > 0 ? logit / options.repetitionPenalty : logit * options.repetitionPenalty
  }
  for (const token of answer) scores[token] = (scores[token] ?? 0) - options.frequencyPenalty
  for (const token of new Set(answer)) scores[token] = (scores[token] ?? 0) - options.presencePenalty
  const { allowed } = options
  let candidates = [...scores]
    .map((score, token) => ({ token, score }))
    .filter(({ token }) => allowed === null || ((allowed[token >> 5] ?? 0) >> (token & 31)) & 1)
    .sort((a, b) => b.score - a.score || a.token - b.token)
  const best = candidates[0]
  if (best === undefined) throw new Error('nothing is allowed')
  if (options.temperature === 0) return best.token
  if (options.topK > 0) candidates = candidates.slice(0, options.topK)
  const weighted = candidates.map(({ token, score }) => ({
    token,
    score,
    weight: Math.exp((score - best.score) / options.temperature),
  }))
  const mass = weighted.reduce((sum, { weight }) => sum + weight, 0)
  let kept = 0
  const isIn = (sum: number) => kept === 0 || options.topP === 1 || sum < options.topP * mass
  for (let sum = 0; kept < weighted.length && isIn(sum); kept++) {
    sum += weighted[kept]?.weight ?? 0
  }
  // In the order of how likely they are, to a 64th of a power of e; among those equal in that, of their ids.
  const bucket = (score: number) => Math.floor(((best.score - score) / options.temperature) * 64)
  const nucleus = weighted
    .slice(0, kept)
    .sort((a, b) => bucket(a.score) - bucket(b.score) || a.token - b.token)
  let left = uniformDraw(options.seed, history.length) * nucleus.reduce((sum, { weight }) => sum + weight, 0)
  for (const { token, weight } of nucleus) {
    left -= weight
    if (left < 0) return token
  }
  throw new Error('unreachable but for rounding')
}

test('a draw from any options equals the obvious version’s', () => {
  const seed = Date.now() % 2 ** 31
  const random = new Random(seed)
  for (let round = 0; round < 3000; round++) {
    const vocab = random.int(1, 200)
    const spread = random.pick([0.1, 1, 5, 30])
    // Some of the values coincide.
    const logits = Float32Array.from(
      { length: vocab },
      () => Math.round(random.next() * spread * 64) / 64 - spread / 3,
    )
    const history = Int32Array.from({ length: random.int(0, 30) }, () => random.int(0, vocab - 1))
    const allowed = new Uint32Array(Math.ceil(vocab / 32)).map(() =>
      random.pick([0, 0xffffffff, random.int(0, 2 ** 31)]),
    )
    allowed[0] = (allowed[0] ?? 0) | 1
    const options: RowSampling = {
      ...plain,
      temperature: random.pick([0, 0.3, 1, 2]),
      topP: random.pick([1, 0.999, 0.6, 0.1, 0]),
      topK: random.pick([0, 1, 2, 20, 500]),
      repetitionPenalty: random.pick([1, 1.1, 2]),
      presencePenalty: random.pick([0, 0.5]),
      frequencyPenalty: random.pick([0, 0.3, -0.2]),
      promptLength: random.int(0, history.length),
      seed: random.int(0, 2 ** 50),
      allowed: random.chance(0.4) ? allowed : null,
    }
    const before = Float32Array.from(logits)
    const { token } = new Sampler(vocab).sample(logits, history, options)
    expect(token, `seed ${seed}, round ${round}`).toBe(slowSample(logits, history, options))
    expect(logits).toEqual(before)
  }
})

test('greedy takes the largest logit, of equals the first', () => {
  const sampler = new Sampler(4)
  expect(sampler.sample(Float32Array.of(1, 3, 3, 2), new Int32Array(), plain).token).toBe(1)
})

test('the same seed and position give the same token, whatever was sampled before', () => {
  const logits = Float32Array.from({ length: 100 }, (_, i) => Math.sin(i))
  const options = { ...plain, temperature: 1, seed: 1234567890123 }
  const history = new Int32Array(17)
  const fresh = new Sampler(100).sample(logits, history, options)
  const used = new Sampler(100)
  for (let i = 0; i < 20; i++)
    used.sample(logits, new Int32Array(i), { ...options, seed: i, repetitionPenalty: 2 })
  expect(used.sample(logits, history, options)).toEqual(fresh)
})

test('draws follow the distribution', () => {
  const sampler = new Sampler(4)
  const logits = Float32Array.from([0.1, 0.2, 0.3, 0.4], Math.log)
  const counts = [0, 0, 0, 0]
  const draws = 40_000
  const history = new Int32Array(draws)
  for (let position = 0; position < draws; position++) {
    const { token } = sampler.sample(logits, history.subarray(0, position), { ...plain, temperature: 1 })
    counts[token] = (counts[token] ?? 0) + 1
  }
  // Five standard deviations; the draw is a fixed function, so this never changes its mind.
  for (const [token, count] of counts.entries()) {
    const share = (token + 1) / 10
    expect(Math.abs(count - share * draws)).toBeLessThan(5 * Math.sqrt(draws * share * (1 - share)))
  }
})

test('logprobs are those of the model’s own distribution', () => {
  const logits = Float32Array.of(2, 1, 0, -1)
  const mass = [...logits].reduce((sum, logit) => sum + Math.exp(logit), 0)
  const { token, logprobs } = new Sampler(4).sample(logits, Int32Array.of(0), {
    ...plain,
    repetitionPenalty: 10,
    temperature: 0.1,
    topK: 1,
    allowed: Uint32Array.of(0b0110),
    logprobs: 2,
  })
  expect(token).toBe(1)
  expect(logprobs?.chosen).toBeCloseTo(1 - Math.log(mass), 6)
  expect(logprobs?.top.map((top) => top.token)).toEqual([0, 1])
  expect(logprobs?.top[0]?.logprob).toBeCloseTo(2 - Math.log(mass), 6)
})

test('logits that are no numbers are an error, not a token', () => {
  const logits = new Float32Array(8).fill(Number.NaN)
  for (const temperature of [0, 1]) {
    expect(() => new Sampler(8).sample(logits, new Int32Array(), { ...plain, temperature })).toThrow()
  }
})

test('weights from the table are powers of e', () => {
  const table = new PowerTable(37)
  const random = new Random(Date.now() % 2 ** 31)
  for (let i = 0; i < 10_000; i++) {
    const x = random.next() * 37
    expect(Math.abs(table.ofMinus(x) / Math.exp(-x) - 1), `${x}`).toBeLessThan(1e-13)
  }
  expect(table.ofMinus(0)).toBe(1)
})
