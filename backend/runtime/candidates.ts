import { massCut } from './selection.ts'

/** A float32's bits from here on, its exponent and the first seven of its fraction, are the number of its bucket. */
const bucketShift = 16
/** Up to that of 1 and a rounding error. */
const bucketCount = (127 << 7) + 2
/** That of 2^−72: what is less likely, of any vocabulary, is together below the 53 bits of a draw. */
const leastBucket = (127 - 72) << 7
const noCut = { bucket: leastBucket, least: 0, ties: Number.POSITIVE_INFINITY } as const

/**
 * What a draw chooses from, in the order of buckets, which is about that of likelihood, and within a bucket of ids: so
 * that one pass of additions tells where the nucleus ends.
 */
export class Candidates {
  readonly #bucketMass = new Float64Array(bucketCount)
  readonly #scratch: Float64Array
  #weights: Float32Array = new Float32Array(0)
  /** The same memory. */
  #bits: Uint32Array = new Uint32Array(0)
  /** Of the candidates that the cut leaves. */
  #mass = 0
  /** The last bucket that holds any of them, and what it keeps. */
  #last: { readonly bucket: number; readonly least: number; readonly ties: number } = noCut

  /** @param most candidates */
  constructor(most: number) {
    this.#scratch = new Float64Array(most)
  }

  /** @param weights of one candidate each, by rising id, from 0 (none) to 1; to stay as they are until the draw */
  fill(weights: Float32Array): void {
    this.#weights = weights
    this.#bits = new Uint32Array(weights.buffer, weights.byteOffset, weights.length)
    this.#last = noCut
    addToBuckets(this.#bucketMass.fill(0), this.#weights, this.#bits)
    this.#mass = sumFrom(this.#bucketMass, leastBucket)
  }

  /** Keeps the smallest set of likeliest candidates that holds `share` of the mass; of equals the first ids. */
  keepNucleus(share: number): void {
    let missing = Math.max(share * this.#mass, Number.MIN_VALUE) // the best stays even of a share of 0
    let kept = 0
    let bucket = bucketCount - 1
    for (; bucket > leastBucket; bucket--) {
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

  /** Index of the candidate at share `draw` of the mass; -1 when there is none. */
  pick(draw: number): number {
    let left = draw * this.#mass
    let last = -1
    for (let bucket = bucketCount - 1; bucket >= this.#last.bucket; bucket--) {
      const mass = this.#bucketMass[bucket] as number // in bounds
      if (mass === 0) continue
      last = bucket
      if (left < mass || bucket === this.#last.bucket) return this.#pickIn(bucket, left)
      left -= mass
    }
    return last === -1 ? -1 : this.#pickIn(last, Number.POSITIVE_INFINITY) // rounding left a trifle over
  }

  #pickIn(bucket: number, mass: number): number {
    const cut = bucket === this.#last.bucket ? this.#last : noCut
    const [weights, bits] = [this.#weights, this.#bits]
    const count = weights.length
    let left = mass
    let picked = -1
    let equals = 0
    for (let i = 0; i < count; i++) {
      if ((bits[i] as number) >>> bucketShift !== bucket) continue // in bounds
      const weight = weights[i] as number // in bounds
      if (weight < cut.least || (weight === cut.least && equals++ >= cut.ties)) continue
      picked = i
      left -= weight
      if (left < 0) return picked
    }
    return picked // rounding left a trifle over
  }

  #weightsIn(bucket: number): Float64Array {
    const size = gather(bucket, this.#weights, this.#bits, this.#scratch)
    return this.#scratch.subarray(0, size)
  }
}

/** Copies a bucket's weights to the start of `into`; how many there were. */
function gather(bucket: number, weights: Float32Array, bits: Uint32Array, into: Float64Array): number {
  const count = weights.length
  let size = 0
  for (let i = 0; i < count; i++) {
    if ((bits[i] as number) >>> bucketShift === bucket) into[size++] = weights[i] as number // in bounds
  }
  return size
}

function sumFrom(values: Float64Array, first: number): number {
  let sum = 0
  for (let i = first; i < values.length; i++) sum += values[i] as number // in bounds
  return sum
}

function addToBuckets(bucketMass: Float64Array, weights: Float32Array, bits: Uint32Array): void {
  const count = weights.length // read once: what the compiler makes of the loop is two and a half times as fast
  for (let i = 0; i < count; i++) {
    const bucket = (bits[i] as number) >>> bucketShift // in bounds
    bucketMass[bucket] = (bucketMass[bucket] as number) + (weights[i] as number) // in bounds
  }
}
