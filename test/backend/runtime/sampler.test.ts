import { expect, test } from 'vitest'
import type { RowSampling, Sampled } from '../../../backend/engine/runner.ts'
import { uniformDraw } from '../../../backend/runtime/draw.ts'
import { Sampler } from '../../../backend/runtime/sampler.ts'
import type { Softmax } from '../../../backend/runtime/softmax.ts'
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

/** As the graph's, which softmax.test.ts compares with powers of e. */
function probabilities(scores: Float32Array, temperature: number): Float32Array {
  const best = scores.reduce((a, b) => Math.max(a, b))
  const powers = Float64Array.from(scores, (score) => Math.exp((score - best) / temperature))
  const sum = powers.reduce((a, b) => a + b, 0)
  return Float32Array.from(powers, (power) => power / sum)
}

const softmax: Softmax = (scores, temperatures) => {
  const vocab = scores.length / temperatures.length
  const rows = temperatures.flatMap((temperature, row) => [
    ...probabilities(scores.subarray(row * vocab, (row + 1) * vocab), temperature),
  ])
  return Promise.resolve(Float32Array.from(rows))
}

/** One row alone; the logits are left as they are. */
async function sampleOne(
  sampler: Sampler,
  logits: Float32Array,
  history: Int32Array,
  sampling: RowSampling,
): Promise<Sampled> {
  const [sampled] = await sampler.sample(logits.slice(), [{ history, sampling }])
  if (sampled === undefined) throw new Error('a row has a token')
  return sampled
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
  const isAllowed = (token: number) => allowed === null || ((allowed[token >> 5] ?? 0) >> (token & 31)) & 1
  const masked = scores.map((score, token) => (isAllowed(token) ? score : Number.NEGATIVE_INFINITY))
  const weights = probabilities(masked, options.temperature || 1)
  let candidates = [...masked]
    .map((score, token) => ({ token, score, weight: weights[token] ?? 0 }))
    .filter(({ token }) => isAllowed(token))
    .sort((a, b) => b.score - a.score || a.token - b.token)
  const [best] = candidates
  if (best === undefined) throw new Error('nothing is allowed')
  if (options.temperature === 0) return best.token
  if (options.topK > 0) candidates = candidates.slice(0, options.topK)
  candidates.sort((a, b) => b.weight - a.weight || a.token - b.token)
  const mass = candidates.reduce((sum, { weight }) => sum + weight, 0)
  let kept = 0
  const isIn = (sum: number) => kept === 0 || options.topP === 1 || sum < options.topP * mass
  for (let sum = 0; kept < candidates.length && isIn(sum); kept++) {
    sum += candidates[kept]?.weight ?? 0
  }
  // In the order of how likely they are, to seven bits of the fraction; among those equal in that, of their ids.
  const bucket = (weight: number) => (new Uint32Array(Float32Array.of(weight).buffer)[0] ?? 0) >>> 16
  const nucleus = candidates
    .slice(0, kept)
    .sort((a, b) => bucket(b.weight) - bucket(a.weight) || a.token - b.token)
  let left = uniformDraw(options.seed, history.length) * nucleus.reduce((sum, { weight }) => sum + weight, 0)
  for (const { token, weight } of nucleus) {
    left -= weight
    if (left < 0) return token
  }
  throw new Error('unreachable but for rounding')
}

interface Question {
  readonly logits: Float32Array
  readonly history: Int32Array
  readonly sampling: RowSampling
}

function randomQuestion(random: Random, vocab: number): Question {
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
  const sampling: RowSampling = {
    temperature: random.pick([0, 0.3, 1, 2]),
    topP: random.pick([1, 0.999, 0.6, 0.1, 0]),
    topK: random.pick([0, 1, 2, 20, 500]),
    repetitionPenalty: random.pick([1, 1.1, 2]),
    presencePenalty: random.pick([0, 0.5]),
    frequencyPenalty: random.pick([0, 0.3, -0.2]),
    promptLength: random.int(0, history.length),
    seed: random.int(0, 2 ** 50),
    allowed: random.chance(0.4) ? allowed : null,
    logprobs: random.pick([null, null, 0, 3]),
  }
  return { logits, history, sampling }
}

test('a draw from any options equals the obvious version’s', async () => {
  const seed = Date.now() % 2 ** 31
  const random = new Random(seed)
  for (let round = 0; round < 3000; round++) {
    const vocab = random.int(1, 200)
    const { logits, history, sampling } = randomQuestion(random, vocab)
    const { token } = await sampleOne(new Sampler(vocab, softmax), logits, history, sampling)
    expect(token, `seed ${seed}, round ${round}`).toBe(slowSample(logits, history, sampling))
  }
})

test('rows together are answered as each alone', async () => {
  const seed = Date.now() % 2 ** 31
  const random = new Random(seed)
  for (let round = 0; round < 200; round++) {
    const vocab = random.int(1, 200)
    const questions = Array.from({ length: random.int(1, 8) }, () => randomQuestion(random, vocab))
    const logits = Float32Array.from(questions.flatMap((one) => [...one.logits]))
    const together = await new Sampler(vocab, softmax).sample(logits, questions)
    for (const [row, { logits: own, history, sampling }] of questions.entries()) {
      const alone = await sampleOne(new Sampler(vocab, softmax), own, history, sampling)
      expect(together[row], `seed ${seed}, round ${round}`).toEqual(alone)
    }
  }
})

test('greedy takes the largest logit, of equals the first', async () => {
  const sampler = new Sampler(4, softmax)
  const { token } = await sampleOne(sampler, Float32Array.of(1, 3, 3, 2), new Int32Array(), plain)
  expect(token).toBe(1)
})

test('the same seed and position give the same token, whatever was sampled before', async () => {
  const logits = Float32Array.from({ length: 100 }, (_, i) => Math.sin(i))
  const sampling = { ...plain, temperature: 1, seed: 1234567890123 }
  const history = new Int32Array(17)
  const fresh = await sampleOne(new Sampler(100, softmax), logits, history, sampling)
  const used = new Sampler(100, softmax)
  for (let i = 0; i < 20; i++) {
    await sampleOne(used, logits, new Int32Array(i), { ...sampling, seed: i, repetitionPenalty: 2 })
  }
  expect(await sampleOne(used, logits, history, sampling)).toEqual(fresh)
})

test('draws follow the distribution', async () => {
  const sampler = new Sampler(4, softmax)
  const logits = Float32Array.from([0.1, 0.2, 0.3, 0.4], Math.log)
  const counts = [0, 0, 0, 0]
  const draws = 40_000
  const history = new Int32Array(draws)
  for (let position = 0; position < draws; position++) {
    const sampling = { ...plain, temperature: 1 }
    const { token } = await sampleOne(sampler, logits, history.subarray(0, position), sampling)
    counts[token] = (counts[token] ?? 0) + 1
  }
  // Five standard deviations; the draw is a fixed function, so this never changes its mind.
  for (const [token, count] of counts.entries()) {
    const share = (token + 1) / 10
    expect(Math.abs(count - share * draws)).toBeLessThan(5 * Math.sqrt(draws * share * (1 - share)))
  }
})

test('logprobs are those of the model’s own distribution', async () => {
  const logits = Float32Array.of(2, 1, 0, -1)
  const mass = [...logits].reduce((sum, logit) => sum + Math.exp(logit), 0)
  const { token, logprobs } = await sampleOne(new Sampler(4, softmax), logits, Int32Array.of(0), {
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

test('a row without a finite score is an error, not a token', async () => {
  for (const score of [Number.NaN, Number.NEGATIVE_INFINITY]) {
    const logits = new Float32Array(8).fill(score)
    for (const temperature of [0, 1]) {
      const sampled = sampleOne(new Sampler(8, softmax), logits, new Int32Array(), { ...plain, temperature })
      await expect(sampled).rejects.toThrow('finite score')
    }
  }
})
