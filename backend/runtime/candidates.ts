import { largest, largestIndices, massCut } from './selection.ts'

/** A token this much less likely than the best, as a power of e, is below the 53 bits of a draw. */
const negligible = 37
/** Buckets per power of e, by which the end of the nucleus is found without looking at every weight twice. */
const fineness = 4

/** The tokens a draw chooses from, in the order of their ids, each with its weight relative to the best one's 1. */
export class Candidates {
  readonly #ids: Int32Array
  readonly #weights: Float64Array
  readonly #buckets: Uint8Array
  readonly #scratch: Float64Array
  readonly #bucketMass = new Float64Array(negligible * fineness)
  #count = 0
  #mass = 0

  constructor(vocabSize: number) {
    this.#ids = new Int32Array(vocabSize)
    this.#weights = new Float64Array(vocabSize)
    this.#buckets = new Uint8Array(vocabSize)
    this.#scratch = new Float64Array(vocabSize)
  }

  /** Takes the `topK` best scores, all of them if it is 0. */
  fill(scores: Float32Array, topK: number, temperature: number): void {
    this.#count = 0
    this.#mass = 0
    this.#bucketMass.fill(0)
    const best = scores[largest(scores)] ?? Number.NEGATIVE_INFINITY
    if (topK > 0 && topK < scores.length) {
      for (const token of largestIndices(scores, topK).sort()) this.#add(token, scores, best, temperature)
    } else {
      for (let token = 0; token < scores.length; token++) this.#add(token, scores, best, temperature)
    }
  }

  /** Keeps the smallest set of likeliest candidates that holds `share` of the mass; of equals the first ids. */
  keepNucleus(share: number): void {
    let missing = Math.max(share * this.#mass, Number.MIN_VALUE) // the best stays even of a share of 0
    let bucket = 0
    for (; bucket < this.#bucketMass.length - 1; bucket++) {
      const mass = this.#bucketMass[bucket] as number // in bounds
      if (mass >= missing) break
      missing -= mass
    }
    const { least, ties } = massCut(this.#weightsIn(bucket), missing)
    this.#filter(bucket, least, ties)
  }

  /** The candidate at share `draw` of the mass, counted in the order of ids; -1 when there is none. */
  pick(draw: number): number {
    let left = draw * this.#mass
    for (let i = 0; i < this.#count; i++) {
      left -= this.#weights[i] as number // in bounds
      if (left < 0) return this.#ids[i] as number // in bounds
    }
    return this.#count === 0 ? -1 : (this.#ids[this.#count - 1] as number) // rounding
  }

  #add(token: number, scores: Float32Array, best: number, temperature: number): void {
    const distance = (best - (scores[token] as number)) / temperature // in bounds
    if (!(distance < negligible)) return // nor what is no number
    const weight = Math.exp(-distance)
    const bucket = (distance * fineness) | 0
    this.#ids[this.#count] = token
    this.#weights[this.#count] = weight
    this.#buckets[this.#count] = bucket
    this.#count++
    this.#mass += weight
    this.#bucketMass[bucket] = (this.#bucketMass[bucket] as number) + weight // in bounds
  }

  #weightsIn(bucket: number): Float64Array {
    let size = 0
    for (let i = 0; i < this.#count; i++) {
      if (this.#buckets[i] === bucket) this.#scratch[size++] = this.#weights[i] as number // in bounds
    }
    return this.#scratch.subarray(0, size)
  }

  /** Keeps buckets before the given one, and of it what is above `least` or among the first `ties` equal to it. */
  #filter(bucket: number, least: number, ties: number): void {
    let kept = 0
    let mass = 0
    let equals = 0
    for (let i = 0; i < this.#count; i++) {
      const [own, weight] = [this.#buckets[i] as number, this.#weights[i] as number] // in bounds
      if (own > bucket) continue
      if (own === bucket && (weight < least || (weight === least && equals++ >= ties))) continue
      this.#ids[kept] = this.#ids[i] as number // in bounds
      this.#weights[kept++] = weight
      mass += weight
    }
    this.#count = kept
    this.#mass = mass
  }
}
