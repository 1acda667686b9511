import { strict as assert } from 'node:assert'
import type { GenerateRequest } from '../../../../backend/engine/request.ts'
import type {
  FeatureId,
  ModelRunner,
  Row,
  RunnerLostError,
  Sampled,
} from '../../../../backend/engine/runner.ts'
import type { Patches } from '../../../../backend/model/patches.ts'

export const vocabSize = 61

/** Folds one cache entry into the digest of all entries before it. */
function fold(digest: number, ...entry: readonly number[]): number {
  let folded = digest
  for (const part of entry) folded = Math.imul(folded ^ part, 0x01000193) ^ (folded >>> 13)
  return folded
}

/** The token that follows cache entries with this digest, among the allowed. */
function tokenAfter(digest: number, allowed: Uint32Array | null): number {
  let token = (digest >>> 0) % vocabSize
  while (allowed !== null && ((allowed[token >>> 5] ?? 0) & (1 << (token & 31))) === 0) {
    token = (token + 1) % vocabSize
  }
  return token
}

/** What the fake model answers, computed whole and alone: every token depends on every entry before it. */
export function expectedAnswer(request: GenerateRequest, pictures: readonly number[]): number[] {
  const { tokens, positions, images, nextPosition } = request.prompt
  let digest = 0
  for (const [index, token] of tokens.entries()) {
    const which = images.findIndex(({ offset, count }) => index >= offset && index < offset + count)
    const image = images[which]
    const at = [0, 1, 2].map((axis) => positions[axis * tokens.length + index] ?? 0)
    digest =
      image === undefined
        ? fold(digest, token, ...at)
        : fold(digest, pictures[which] ?? 0, index - image.offset, ...at)
  }
  const answer: number[] = []
  while (answer.length < request.maxNewTokens) {
    const token = tokenAfter(digest, null)
    if (request.stopTokens.includes(token)) break
    const position = nextPosition + answer.length
    digest = fold(digest, token, position, position, position)
    answer.push(token)
  }
  return answer
}

/** A model whose next token is a digest of all that its slot holds, and which checks every promise made to a runner. */
export class FakeRunner implements ModelRunner {
  readonly vocabSize = vocabSize
  readonly featureBytesPerToken = 4
  readonly slots: number
  readonly maxLength: number
  /** Every step so far, in order; an encoded picture is its content. */
  readonly log: (readonly Row[] | number)[] = []
  /** Awaited in the middle of every step; may throw. */
  onStep: (rows: readonly Row[]) => unknown = () => undefined
  onEncode: (content: number) => unknown = () => undefined
  readonly features = new Map<FeatureId, number>()
  closed = false
  readonly #lost = Promise.withResolvers<RunnerLostError>()
  readonly lost = this.#lost.promise
  #busy = false
  /** Per slot: digest up to and including each entry. */
  readonly #entries: number[][]

  constructor({ slots = 4, maxLength = 256 } = {}) {
    this.slots = slots
    this.maxLength = maxLength
    this.#entries = Array.from({ length: slots }, () => [])
  }

  get decodeSteps(): (readonly Row[])[] {
    return this.log.filter((step) => typeof step !== 'number').filter((rows) => rows[0]?.tokens.length === 1)
  }

  async encode(patches: Patches, id: FeatureId): Promise<void> {
    await this.#exclusively(async () => {
      const content = patches.pixels[0] ?? 0
      this.log.push(content)
      await this.onEncode(content)
      assert(!this.features.has(id), 'features are named once')
      this.features.set(id, content)
    })
  }

  release(id: FeatureId): void {
    assert(this.features.delete(id), 'only kept features are released')
  }

  step(rows: readonly Row[]): Promise<(Sampled | null)[]> {
    return this.#exclusively(async () => {
      assert(rows.length > 0, 'a step has a row')
      assert(rows.length === 1 || rows.every((row) => row.tokens.length === 1), 'joint rows have one token')
      assert(new Set(rows.map((row) => row.slot)).size === rows.length, 'a slot has one row')
      this.log.push(rows)
      await this.onStep(rows)
      return rows.map((row) => this.#feed(row))
    })
  }

  /** Ends it out of the blue. */
  lose(error: RunnerLostError): void {
    this.#lost.resolve(error)
  }

  close(): Promise<void> {
    this.closed = true
    return Promise.resolve()
  }

  #feed({ slot, start, tokens, positions, images, sampling }: Row): Sampled | null {
    const entries = this.#entries[slot]
    assert(entries !== undefined, 'the slot exists')
    assert(start <= entries.length, 'a row leaves no gap')
    assert(start + tokens.length <= this.maxLength, 'a row fits its slot')
    entries.length = start
    for (const [index, token] of tokens.entries()) {
      const at = [0, 1, 2].map((axis) => positions[axis * tokens.length + index] ?? 0)
      const span = images.find(({ offset, count }) => index >= offset && index < offset + count)
      const content = span === undefined ? undefined : this.features.get(span.features)
      assert(span === undefined || content !== undefined, 'the features are there')
      const before = entries.at(-1) ?? 0
      entries.push(
        span === undefined || content === undefined
          ? fold(before, token, ...at)
          : fold(before, content, span.from + index - span.offset, ...at),
      )
    }
    if (sampling === null) return null
    return { token: tokenAfter(entries.at(-1) ?? 0, sampling.allowed), logprobs: null }
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    assert(!this.#busy, 'one step in flight')
    assert(!this.closed, 'a closed runner is left alone')
    this.#busy = true
    try {
      return await work()
    } finally {
      this.#busy = false
    }
  }
}
