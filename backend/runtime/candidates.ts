import { PowerTable } from './power-table.ts'
import { largest, largestIndices, massCut } from './selection.ts'

/** A token this much less likely than the best, as a power of e, is below the 53 bits of a draw. */
const negligible = 37
/** Buckets per power of e, by which the end of the nucleus is found without looking at every weight twice. */
const fineness = 64

const powers = new PowerTable(negligible)

/** Of a token that is no candidate. */
const none = 0xffff

/**
 * The tokens a draw chooses from, each with its weight relative to the best one's 1, in the order of their buckets, which
 * is about that of their likelihood, and within a bucket of their ids.
 */
export class Candidates {
  readonly #buckets: Uint16Array
  readonly #bucketMass = new Float64Array(negligible * fineness)
  readonly #scratch: Float64Array
  /** What the weights come from: kept for the few that are looked at again. */
  #source: { readonly scores: Float32Array; readonly best: number; readonly temperature: number } = {
    scores: new Float32Array(0),
    best: 0,
    temperature: 1,
  }
  /** Null: the token at index i is i. */
  #tokens: Int32Array | null = null
  #count = 0
  /** Of the candidates that the cut leaves. */
  #mass = 0
  /** The last bucket that holds any of them, and what it keeps. */
  #last = { bucket: negligible * fineness, least: 0, ties: Number.POSITIVE_INFINITY }

  constructor(vocabSize: number) {
    this.#buckets = new Uint16Array(vocabSize)
    this.#scratch = new Float64Array(vocabSize)
  }

  /**
   * Takes the `topK` best scores, all of them if it is 0.
   * @param scores to stay as they are until the draw
   */
  fill(scores: Float32Array, topK: number, temperature: number): void {
    this.#bucketMass.fill(0)
    this.#last = { bucket: this.#bucketMass.length, least: 0, ties: Number.POSITIVE_INFINITY }
    const best = scores[largest(scores)] ?? Number.NEGATIVE_INFINITY
    const few = topK > 0 && topK < scores.length
    this.#source = { scores, best, temperature }
    this.#tokens = few ? largestIndices(scores, topK).sort() : null
    this.#count = this.#tokens?.length ?? scores.length
    this.#sort(scores, best, temperature)
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

  /** The candidate at share `draw` of the mass; -1 when there is none. */
  pick(draw: number): number {
    let left = draw * this.#mass
    let last = -1
    for (let bucket = 0; bucket < this.#bucketMass.length && bucket <= this.#last.bucket; bucket++) {
      const mass = this.#bucketMass[bucket] as number // in bounds
      if (mass === 0) continue
      last = bucket
      if (left < mass || bucket === this.#last.bucket) return this.#pickIn(bucket, left)
      left -= mass
    }
    return last === -1 ? -1 : this.#pickIn(last, Number.POSITIVE_INFINITY) // rounding left a trifle over
  }

  #pickIn(bucket: number, mass: number): number {
    const cut = bucket === this.#last.bucket ? this.#last : { least: 0, ties: Number.POSITIVE_INFINITY }
    let left = mass
    let token = -1
    let equals = 0
    for (let i = 0; i < this.#count; i++) {
      if (this.#buckets[i] !== bucket) continue
      const weight = this.#weight(i)
      if (weight < cut.least || (weight === cut.least && equals++ >= cut.ties)) continue
      token = this.#token(i)
      left -= weight
      if (left < 0) return token
    }
    return token // rounding left a trifle over
  }

  #sort(scores: Float32Array, best: number, temperature: number): void {
    const [tokens, buckets, bucketMass] = [this.#tokens, this.#buckets, this.#bucketMass]
    for (let i = 0; i < this.#count; i++) {
      const token = tokens === null ? i : (tokens[i] as number) // in bounds
      const distance = (best - (scores[token] as number)) / temperature // a token is an index of the vocabulary
      if (!(distance < negligible)) {
        buckets[i] = none // nor what is no number
        continue
      }
      const bucket = (distance * fineness) | 0
      buckets[i] = bucket
      bucketMass[bucket] = (bucketMass[bucket] as number) + powers.ofMinus(distance) // in bounds
    }
  }

  #token(index: number): number {
    return this.#tokens === null ? index : (this.#tokens[index] as number) // in bounds
  }

  #weight(index: number): number {
    const { scores, best, temperature } = this.#source
    return powers.ofMinus((best - (scores[this.#token(index)] as number)) / temperature) // as above
  }

  #weightsIn(bucket: number): Float64Array {
    let size = 0
    for (let i = 0; i < this.#count; i++) {
      if (this.#buckets[i] === bucket) this.#scratch[size++] = this.#weight(i)
    }
    return this.#scratch.subarray(0, size)
  }
}
