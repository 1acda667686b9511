import { strict as assert } from 'node:assert'
import type { RowSampling, Sampled, TokenLogprobs } from '../engine/runner.ts'
import { Candidates } from './candidates.ts'
import { uniformDraw } from './draw.ts'
import { Penalties } from './penalties.ts'
import { largest, largestIndices } from './selection.ts'
import type { Softmax } from './softmax.ts'
import { free } from './tensors.ts'

/** What a row asks for. */
export interface SampledRow {
  /** The tokens before the one to sample: its length is that token's cache position. */
  readonly history: Int32Array
  readonly sampling: RowSampling
}

/** At lower temperatures scores might leave float32's range; the draw is among the best by a millionth anyway. */
const leastTemperature = 1e-6

/**
 * Chooses the next tokens from rows of logits: penalties, mask, temperature, top-k, top-p, then a draw among what is
 * left, in the order of the reference's processors. Holds scratch memory alone; a row's token depends on its own
 * arguments alone.
 */
export class Sampler {
  readonly #vocabSize: number
  readonly #softmax: Softmax
  readonly #penalties: Penalties
  readonly #candidates: Candidates

  constructor(vocabSize: number, softmax: Softmax) {
    this.#vocabSize = vocabSize
    this.#softmax = softmax
    this.#penalties = new Penalties(vocabSize)
    this.#candidates = new Candidates(vocabSize)
  }

  /**
   * @param logits f32 [rows, vocab]; penalties and masks change them in place
   * @throws Error when a row has no token with a finite score
   */
  async sample(logits: Float32Array, rows: readonly SampledRow[]): Promise<Sampled[]> {
    // What logprobs tell is the model's own.
    const asked = rows.map(({ sampling }, row) =>
      sampling.logprobs === null ? null : this.#rowOf(logits, row).slice(),
    )
    for (const [row, { history, sampling }] of rows.entries()) {
      this.#score(this.#rowOf(logits, row), history, sampling)
    }
    const tokens = await this.#choose(logits, rows)
    return tokens.map((token, row) => {
      const count = rows[row]?.sampling.logprobs ?? 0
      const own = asked[row] ?? null
      return { token, logprobs: own === null ? null : logprobs(own, token, count) }
    })
  }

  /** Logits to scores: penalties and mask. */
  #score(scores: Float32Array, history: Int32Array, sampling: RowSampling): void {
    if (!Penalties.isNone(sampling)) this.#penalties.apply(scores, history, sampling)
    if (sampling.allowed !== null) forbid(scores, sampling.allowed)
  }

  async #choose(scores: Float32Array, rows: readonly SampledRow[]): Promise<number[]> {
    const draws = rows.some(({ sampling }) => sampling.temperature > 0)
    const temperatures = rows.map(({ sampling: { temperature } }) =>
      temperature === 0 ? 1 : Math.max(temperature, leastTemperature),
    )
    const probabilities = draws ? await this.#softmax(scores, temperatures) : new Float32Array(0)
    const tokens = rows.map(({ history, sampling }, row) => {
      const own = this.#rowOf(scores, row)
      const token =
        sampling.temperature === 0
          ? largest(own)
          : this.#draw(own, this.#rowOf(probabilities, row), sampling, history.length)
      assert((own[token] ?? Number.NaN) > Number.NEGATIVE_INFINITY, 'some token has a finite score')
      return token
    })
    free(probabilities)
    return tokens
  }

  #draw(
    scores: Float32Array,
    weights: Float32Array,
    { topK, topP, seed }: RowSampling,
    position: number,
  ): number {
    const few = topK > 0 && topK < weights.length ? largestIndices(scores, topK).sort() : null
    // A token is an index of the vocabulary.
    this.#candidates.fill(
      few === null ? weights : Float32Array.from(few, (token) => weights[token] as number),
    )
    if (topP < 1) this.#candidates.keepNucleus(topP)
    const picked = this.#candidates.pick(uniformDraw(seed, position))
    return few === null ? picked : (few[picked] ?? -1)
  }

  #rowOf(values: Float32Array, row: number): Float32Array {
    return values.subarray(row * this.#vocabSize, (row + 1) * this.#vocabSize)
  }
}

/** Sets what the mask does not allow to -Infinity. */
function forbid(scores: Float32Array, allowed: Uint32Array): void {
  for (let first = 0; first < scores.length; first += 32) {
    const word = allowed[first >>> 5] ?? 0
    if (word === 0xffffffff) continue
    const end = Math.min(first + 32, scores.length)
    if (word === 0) scores.fill(Number.NEGATIVE_INFINITY, first, end)
    else {
      for (let token = first; token < end; token++) {
        if ((word & (1 << (token & 31))) === 0) scores[token] = Number.NEGATIVE_INFINITY
      }
    }
  }
}

function logprobs(logits: Float32Array, token: number, count: number): TokenLogprobs {
  const top = logits[largest(logits)] ?? 0
  let sum = 0
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i] as number) - top) // in bounds
  const logSum = top + Math.log(sum)
  const logprob = (id: number) => (logits[id] as number) - logSum // in bounds
  return {
    chosen: logprob(token),
    top: [...largestIndices(logits, count)].map((id) => ({ token: id, logprob: logprob(id) })),
  }
}
