import { InferenceSession } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { buildSoftmax } from '../../../backend/convert/graphs/softmax.ts'
import { encodeModel } from '../../../backend/convert/onnx/encode-model.ts'
import { Sampler } from '../../../backend/runtime/sampler.ts'
import { type Softmax, softmaxOf } from '../../../backend/runtime/softmax.ts'
import { Random } from '../engine/support/random.ts'

async function openSoftmax(vocabSize: number): Promise<Softmax> {
  const { graph } = buildSoftmax({ vocabSize })
  return softmaxOf(await InferenceSession.create(encodeModel(graph, { name: 'test', version: '0' })))
}

test('probabilities are powers of e, at any temperature, and a row’s are its own', async () => {
  const seed = Date.now() % 2 ** 31
  const random = new Random(seed)
  for (const vocab of [1, 7, 64, 1000]) {
    const softmax = await openSoftmax(vocab)
    for (let round = 0; round < 20; round++) {
      const rows = random.int(1, 8)
      const temperatures = Array.from({ length: rows }, () => random.pick([1e-6, 0.3, 1, 2]))
      const scores = Float32Array.from({ length: rows * vocab }, () =>
        random.chance(0.2) ? Number.NEGATIVE_INFINITY : random.next() * random.pick([1, 30]),
      )
      for (let row = 0; row < rows; row++) scores[row * vocab] = 0
      const together = await softmax(scores, temperatures)
      for (const [row, temperature] of temperatures.entries()) {
        const own = scores.subarray(row * vocab, (row + 1) * vocab)
        const probabilities = together.subarray(row * vocab, (row + 1) * vocab)
        expect(await softmax(own, [temperature]), `seed ${seed}`).toEqual(probabilities.slice())
        const best = own.reduce((a, b) => Math.max(a, b))
        const powers = Float64Array.from(own, (score) => Math.exp((score - best) / temperature))
        const sum = powers.reduce((a, b) => a + b, 0)
        for (const [token, power] of powers.entries()) {
          const probability = probabilities[token] ?? Number.NaN
          if (own[token] === Number.NEGATIVE_INFINITY) expect(probability).toBeLessThanOrEqual(Math.exp(-80))
          // Scores up to 30 have 2e-6 of rounding, of which a temperature makes several times as much.
          else if (temperature >= 0.3) {
            expect(Math.abs(probability - power / sum), `seed ${seed}`).toBeLessThan(
              1e-5 * (power / sum) + 1e-30,
            )
          }
        }
      }
    }
  }
})

test('what a mask forbids is never drawn, and nothing is when it forbids all', async () => {
  const seed = Date.now() % 2 ** 31
  const random = new Random(seed)
  const vocab = 64
  const sampler = new Sampler(vocab, await openSoftmax(vocab))
  const sample = (allowed: Uint32Array<ArrayBuffer>) => {
    const logits = Float32Array.from({ length: vocab }, () => random.next() * 100)
    const sampling = {
      temperature: random.pick([0.01, 1, 2]),
      topP: random.pick([1, 0.9]),
      topK: random.pick([0, 3]),
      repetitionPenalty: 1,
      presencePenalty: 0,
      frequencyPenalty: 0,
      promptLength: 0,
      seed: random.int(0, 2 ** 50),
      allowed,
      logprobs: null,
    }
    return sampler.sample(logits, [{ history: new Int32Array(), sampling }])
  }
  for (let round = 0; round < 500; round++) {
    const allowed = new Uint32Array(2)
    for (let i = random.int(1, 5); i > 0; i--) {
      const token = random.int(0, vocab - 1)
      allowed[token >>> 5] = (allowed[token >>> 5] ?? 0) | (1 << (token & 31))
    }
    const [sampled] = await sample(allowed)
    const token = sampled?.token ?? 0
    expect(((allowed[token >>> 5] ?? 0) >>> (token & 31)) & 1, `seed ${seed}, round ${round}`).toBe(1)
    await expect(sample(new Uint32Array(2))).rejects.toThrow('finite score')
  }
})
