import { readFile } from 'node:fs/promises'
import type { Chat } from '../../backend/chat/chat.ts'
import type { ExpandedPrompt } from '../../backend/chat/prompt-draft.ts'
import type { ImageSpan, RowSampling } from '../../backend/engine/runner.ts'
import type { ModelConfig } from '../../backend/model/model-config.ts'
import type { Patches } from '../../backend/model/patches.ts'
import { Decoder } from '../../backend/runtime/decoder.ts'
import { KvPool } from '../../backend/runtime/kv-pool.ts'
import type { Sessions } from '../../backend/runtime/sessions.ts'
import { encodePicture } from '../../backend/runtime/vision-encoder.ts'
import type { PatchPool } from '../../backend/vision/patch-pool.ts'
import { planPictures, readPicture } from '../../backend/vision/picture.ts'
import { relativeDifference, winners } from './compare.ts'
import type { ExpectedCase } from './expected-case.ts'
import { type PixelDifference, pixelDifference } from './pixel-difference.ts'

/** The product's own parts, opened on one converted model. */
export interface Parts {
  readonly config: ModelConfig
  readonly chat: Chat
  readonly patches: PatchPool
  readonly sessions: Sessions
}

/** How far the product is from the reference on one case. Differences are over the expected values' range. */
export interface CaseReport {
  readonly name: string
  /** null: a case without pictures. */
  readonly pixels: PixelDifference | null
  readonly features: number | null
  readonly idsEqual: boolean
  readonly positionsEqual: boolean
  readonly logits: number
  /** Teacher-forced greedy tokens: how many differ although the reference's margin is clear. */
  readonly tokens: { readonly compared: number; readonly different: number }
}

/** Below this share of the logits' range two tokens are as good as equal. */
export const clearMargin = 5e-3

const unlimited = { maxBytes: 1e9, maxPixels: 1e9 }
const greedy: RowSampling = {
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

/** Takes a case the whole way of a request: file, pixels, features, prompt, logits of every recorded token. */
export async function measureCase(parts: Parts, expected: ExpectedCase): Promise<CaseReport> {
  const { config, chat, sessions } = parts
  const pictures = await preparePictures(parts, expected)
  const draft = chat.draft({
    messages: expected.messages,
    tools: [],
    thinking: expected.thinking,
    maxTokens: config.text.maxPositions,
    param: 'messages',
  })
  const prompt = draft.expand(pictures.map(({ grid }) => grid))
  const pixels = pixelDifference(pictures, expected.firstPixels, config.preprocessor)
  const features: Float32Array[] = []
  for (const picture of pictures) features.push(await encodePicture(sessions.vision, config.vision, picture))
  const logits = await forcedLogits(parts, prompt, features, expected.generated)
  return {
    name: expected.name,
    pixels,
    features: features.length === 0 ? null : relativeDifference(concat(features), expected.features),
    idsEqual: equal(prompt.tokens, expected.ids),
    positionsEqual: equal(prompt.positions, expected.positions),
    logits: relativeDifference(logits, expected.stepLogits),
    tokens: compareTokens(logits, expected.stepLogits, config.text.vocabSize),
  }
}

async function preparePictures({ patches, config }: Parts, { pictures }: ExpectedCase): Promise<Patches[]> {
  const opened = await Promise.all(
    pictures.map(async (path) => readPicture(await readFile(path), unlimited, path)),
  )
  const plans = planPictures(opened, config.preprocessor, Number.MAX_SAFE_INTEGER)
  return Promise.all(
    opened.flatMap((picture, index) => {
      const plan = plans[index]
      return plan === undefined
        ? []
        : [patches.prepare(picture, plan, config.preprocessor, AbortSignal.timeout(60_000))]
    }),
  )
}

/** f32 [generated, vocab]: the prompt in one step, then the reference's own tokens one by one. */
async function forcedLogits(
  { sessions, config }: Parts,
  prompt: ExpandedPrompt,
  features: readonly Float32Array[],
  generated: readonly number[],
): Promise<Float32Array> {
  const { layers, kvHeads, headSize } = config.text
  const capacity = prompt.tokens.length + generated.length
  const pool = new KvPool({ layers, kvHeads, headSize, slots: 1, capacity })
  const held = new Map(features.map((rows, index) => [String(index), rows]))
  const decoder = new Decoder(sessions, config.text, pool, held)
  const images = prompt.images.map(
    ({ offset, count }, i): ImageSpan => ({ offset, count, features: String(i), from: 0 }),
  )
  const first = {
    slot: 0,
    start: 0,
    tokens: prompt.tokens,
    positions: prompt.positions,
    images,
    sampling: greedy,
  }
  const logits = [new Float32Array(await decoder.forward([first]))]
  for (const [index, token] of generated.slice(0, -1).entries()) {
    const start = prompt.tokens.length + index
    const positions = new Int32Array(3).fill(prompt.nextPosition + index)
    const row = { slot: 0, start, tokens: [token], positions, images: [], sampling: greedy }
    logits.push(new Float32Array(await decoder.forward([row])))
  }
  return concat(logits)
}

function compareTokens(logits: Float32Array, reference: Float32Array, vocabSize: number) {
  const ours = winners(logits, vocabSize)
  const clear = [...winners(reference, vocabSize).entries()].filter(([, { margin }]) => margin > clearMargin)
  const different = clear.filter(([index, { token }]) => ours[index]?.token !== token)
  return { compared: clear.length, different: different.length }
}

function equal(ours: ArrayLike<number>, theirs: ArrayLike<number>): boolean {
  return ours.length === theirs.length && Array.from(ours).every((value, index) => value === theirs[index])
}

function concat(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}
