import { strict as assert } from 'node:assert'
import type { RowSampling, Sampled, TokenLogprobs } from '../engine/runner.ts'
import { Candidates } from './candidates.ts'
import { uniformDraw } from './draw.ts'
import { Penalties } from './penalties.ts'
import { largest, largestIndices } from './selection.ts'

/**
 * Chooses the next token from a row of logits: penalties, mask, temperature, top-k, top-p, then a draw among what is
 * left, in the order of the reference's processors. Holds scratch memory alone; the same arguments give the same token.
 */
export class Sampler {
  readonly #penalties: Penalties
  /** [vocab] */
  readonly #scores: Float32Array
  readonly #candidates: Candidates

  constructor(vocabSize: number) {
    this.#penalties = new Penalties(vocabSize)
    this.#scores = new Float32Array(vocabSize)
    this.#candidates = new Candidates(vocabSize)
  }

  /**
   * @param logits [vocab], left as they are
   * @param history the tokens before the one to sample: its length is that token's cache position
   * @throws Error when no token has a finite score
   */
  sample(logits: Float32Array, history: Int32Array, sampling: RowSampling): Sampled {
    const scores = this.#score(logits, history, sampling)
    const token =
      sampling.temperature === 0 ? largest(scores) : this.#drawToken(scores, sampling, history.length)
    assert(token !== -1, 'some token has a finite score')
    return { token, logprobs: sampling.logprobs === null ? null : logprobs(logits, token, sampling.logprobs) }
  }

  /** Logits after penalties and mask; the logits themselves when there are none. */
  #score(logits: Float32Array, history: Int32Array, sampling: RowSampling): Float32Array {
    if (sampling.allowed === null && Penalties.isNone(sampling)) return logits
    const scores = this.#scores
    scores.set(logits)
    if (!Penalties.isNone(sampling)) this.#penalties.apply(scores, history, sampling)
    if (sampling.allowed !== null) forbid(scores, sampling.allowed)
    return scores
  }

  #drawToken(scores: Float32Array, { temperature, topK, topP, seed }: RowSampling, position: number): number {
    this.#candidates.fill(scores, topK, temperature)
    if (topP < 1) this.#candidates.keepNucleus(topP)
    return this.#candidates.pick(uniformDraw(seed, position))
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
