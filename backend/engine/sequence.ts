import { strict as assert } from 'node:assert'
import type { Picture } from './feature-cache.ts'
import type { Prefix } from './prefix.ts'
import type { GenerateRequest, PromptImage } from './request.ts'

/** A picture of the prompt whose features the prefill still has to read. */
export interface NeededPicture {
  readonly image: PromptImage
  readonly picture: Picture
}

/**
 * One request's tokens on their way through the model: the prompt, then the answer. The first `computed` of them are
 * in the KV slot. Invariant: `0 <= computed < tokens.length`, so there is always something to feed: many tokens
 * (prefill) or the newest alone (decode).
 */
export class Sequence {
  readonly request: GenerateRequest
  readonly #tokens: number[]
  #computed = 0
  slot: number | null = null
  /** In prompt order; set at admission, shortened as the prefill passes. */
  needed: readonly NeededPicture[] = []
  /** Which tokens the next sample may be; 'late' until the constraint has answered. */
  mask: Uint32Array<ArrayBuffer> | 'late' | null = null
  /** Whether steps still wait a moment for a late mask. */
  maskGrace = false
  /** Runs in no joint step until a step of its own has succeeded. */
  suspect = false

  constructor(request: GenerateRequest) {
    const { tokens, positions } = request.prompt
    assert(tokens.length > 0, 'a prompt has a token')
    assert(positions.length === 3 * tokens.length, 'a position on three axes for every prompt token')
    assert(request.maxNewTokens >= 1, 'an answer has a token')
    this.request = request
    this.#tokens = [...tokens]
  }

  get tokens(): readonly number[] {
    return this.#tokens
  }

  get computed(): number {
    return this.#computed
  }

  get pending(): number {
    return this.#tokens.length - this.#computed
  }

  /** Tokens of the answer so far. */
  get generated(): number {
    return this.#tokens.length - this.request.prompt.tokens.length
  }

  /** The slot already holds the first `common` entries; the last prompt token is always fed, for its logits. */
  reuse(common: number): void {
    this.#computed = Math.min(common, this.#tokens.length - 1)
  }

  /**
   * How many tokens a step may feed now, at most `limit`: a chunk goes when all its pictures are there, and the token
   * that asks for a sample when its mask is.
   */
  feedable(limit: number): number {
    const count = Math.min(this.pending, limit)
    const end = this.#computed + count
    const waits = this.needed.some(
      ({ image, picture }) => image.offset < end && picture.state.type !== 'ready',
    )
    if (waits) return 0
    return count === this.pending && this.mask === 'late' ? count - 1 : count
  }

  /** `count` tokens were fed; `sampled` is the answer's next token, null if none was asked for. */
  advance(count: number, sampled: number | null): void {
    if (sampled !== null) this.#tokens.push(sampled)
    this.#computed += count
    assert(this.#computed < this.#tokens.length, 'a sequence has a token to feed')
  }

  /** Axis by axis: i32 [3, count] for the next `count` tokens. Generated tokens follow one another on all axes. */
  nextPositions(count: number): Int32Array {
    const { tokens, positions, nextPosition } = this.request.prompt
    const out = new Int32Array(3 * count)
    for (let axis = 0; axis < 3; axis++) {
      for (let i = 0; i < count; i++) {
        const index = this.#computed + i
        const answered = index - tokens.length
        out[axis * count + i] =
          answered >= 0 ? nextPosition + answered : (positions[axis * tokens.length + index] ?? 0)
      }
    }
    return out
  }

  /** What the whole prompt would be in a slot. */
  promptPrefix(): Prefix {
    const { caller, prompt } = this.request
    return { callerId: caller.id, tokens: prompt.tokens, images: prompt.images }
  }

  /** What the slot holds now. A picture fed in part counts as far as it was fed. */
  computedPrefix(): Prefix {
    const { caller, prompt } = this.request
    // Copied: the prompt's own pictures hold their files, and a slot's memory may live long.
    const images = prompt.images.map(({ offset, count, digest }) => ({ offset, count, digest }))
    return { callerId: caller.id, tokens: this.#tokens.slice(0, this.#computed), images }
  }
}
