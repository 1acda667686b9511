import { PowerTable } from './power-table.ts'
import { largest, largestIndices, massCut } from './selection.ts'

/** A token this much less likely than the best, as a power of e, is below the 53 bits of a draw. */
const negligible = 37
/** Buckets per power of e, by which the end of the nucleus is found without looking at every weight twice. */
const fineness = 64

const powers = new PowerTable(negligible)

/** The tokens a draw chooses from, in the order of their ids, each with its weight relative to the best one's 1. */
export class Candidates {
  readonly #ids: Int32Array
  readonly #weights: Float64Array
  readonly #buckets: Uint16Array
  readonly #scratch: Float64Array
  readonly #bucketMass = new Float64Array(negligible * fineness)
  #count = 0
  /** Of the candidates that the cut leaves. */
  #mass = 0
  /** The last bucket that holds any of them, and what it keeps. */
  #last = { bucket: negligible * fineness, least: 0, ties: Number.POSITIVE_INFINITY }

  constructor(vocabSize: number) {
    this.#ids = new Int32Array(vocabSize)
    this.#weights = new Float64Array(vocabSize)
    this.#buckets = new Uint16Array(vocabSize)
    this.#scratch = new Float64Array(vocabSize)
  }

  /** Takes the `topK` best scores, all of them if it is 0. */
  fill(scores: Float32Array, topK: number, temperature: number): void {
    this.#bucketMass.fill(0)
    this.#last = { bucket: this.#bucketMass.length, least: 0, ties: Number.POSITIVE_INFINITY }
    const best = scores[largest(scores)] ?? Number.NEGATIVE_INFINITY
    const few = topK > 0 && topK < scores.length
    const tokens = few ? largestIndices(scores, topK).sort() : null
    this.#count = this.#take(scores, tokens, best, temperature)
    this.#mass = this.#bucketMass.reduce((sum, mass) => sum + mass, 0)
  }

  /** Keeps the smallest set of likeliest candidates that holds `share` of the mass; of equals the first ids. */
  keepNucleus(share: number): void {
    let missing = Math.max(share * this.#mass, Number.MIN_VALUE) // the best stays even of a share of 0
    let kept = 0
    let bucket = 0
    for (; bucket < this.#bucketMass.length - 1; bucket++) {
      const mass = this.#bucketMass[bucket] as number // in bounds
      if (mass >= missing) break
      missing -= mass
      kept += mass
    }
    const weights = this.#weightsIn(bucket)
    const { least, ties } = massCut(weights, missing)
    let equals = 0
    for (const weight of weights) {
      if (weight > least || (weight === least && equals++ < ties)) kept += weight
    }
    this.#last = { bucket, least, ties }
    this.#mass = kept
  }

  /** The candidate at share `draw` of the mass, counted in the order of ids; -1 when there is none. */
  pick(draw: number): number {
    const { bucket, least, ties } = this.#last
    let left = draw * this.#mass
    let token = -1
    let equals = 0
    for (let i = 0; i < this.#count; i++) {
      const own = this.#buckets[i] as number // in bounds, as the two below
      if (own > bucket) continue
      const weight = this.#weights[i] as number
      if (own === bucket && (weight < least || (weight === least && equals++ >= ties))) continue
      token = this.#ids[i] as number
      left -= weight
      if (left < 0) return token
    }
    return token // rounding left a trifle over
  }

  /** @param tokens null: all there are */
  #take(scores: Float32Array, tokens: Int32Array | null, best: number, temperature: number): number {
    const [ids, weights, buckets, bucketMass] = [this.#ids, this.#weights, this.#buckets, this.#bucketMass]
    const length = tokens?.length ?? scores.length
    let count = 0
    for (let i = 0; i < length; i++) {
      const token = tokens === null ? i : (tokens[i] as number) // in bounds
      const distance = (best - (scores[token] as number)) / temperature // a token is an index of the vocabulary
      if (!(distance < negligible)) continue // nor what is no number
      const weight = powers.ofMinus(distance)
      const bucket = (distance * fineness) | 0
      ids[count] = token
      weights[count] = weight
      buckets[count++] = bucket
      bucketMass[bucket] = (bucketMass[bucket] as number) + weight // in bounds
    }
    return count
  }

  #weightsIn(bucket: number): Float64Array {
    let size = 0
    for (let i = 0; i < this.#count; i++) {
      if (this.#buckets[i] === bucket) this.#scratch[size++] = this.#weights[i] as number // in bounds
    }
    return this.#scratch.subarray(0, size)
  }
}
