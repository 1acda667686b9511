import type { GenerateRequest, Prompt, SamplingOptions } from '../../../../backend/engine/request.ts'
import type {
  FeatureId,
  ImageSpan,
  ModelRunner,
  Row,
  RowSampling,
} from '../../../../backend/engine/runner.ts'
import type { ModelConfig } from '../../../../backend/model/model-config.ts'
import { type ExpectedCase, readExpectedCases } from '../../../../bench/parity/expected-case.ts'
import { Random } from '../../engine/support/random.ts'

/** Cases whose pixels were recorded whole, as the engine takes them. */
export interface Case extends ExpectedCase {
  readonly prompt: Prompt
}

export function readCases(modelDir: string, imageToken: number): Case[] {
  return readExpectedCases(modelDir)
    .filter(({ grids, pixels }) => grids.length === 0 || pixels !== null)
    .map((expected) => ({ ...expected, prompt: promptOf(expected, imageToken) }))
}

/** Prompts of our own for a model without recordings: random text around pictures of noise. */
export function noiseCases({ text, vision, tokens }: ModelConfig, seed: number): Case[] {
  const random = new Random(seed)
  const patchSize = vision.channels * vision.temporalPatchSize * vision.patchSize ** 2
  const words = (count: number) => Array.from({ length: count }, () => random.int(0, text.vocabSize / 2))
  return [
    [],
    [{ height: 4, width: 6 }],
    [
      { height: 8, width: 4 },
      { height: 2, width: 2 },
    ],
  ].map((grids, index) => {
    const ids = words(5)
    for (const { height, width } of grids) {
      ids.push(...new Array<number>((height * width) / 4).fill(tokens.image), ...words(3))
    }
    ids.push(...words(random.int(1, 60)))
    const patches = grids.reduce((sum, { height, width }) => sum + height * width, 0)
    const expected = {
      name: `noise ${index}`,
      messages: [],
      thinking: null,
      pictures: [],
      firstPixels: new Float32Array(),
      ids,
      positions: Int32Array.from({ length: 3 * ids.length }, (_, i) => i % ids.length),
      ropeDelta: 0,
      grids,
      pixels: Float32Array.from({ length: patches * patchSize }, () => random.next() * 4 - 2),
      features: new Float32Array(),
      generated: words(8),
      stepLogits: new Float32Array(),
    }
    return { ...expected, prompt: promptOf(expected, tokens.image) }
  })
}

function promptOf(
  { name, ids, positions, ropeDelta, grids, pixels }: ExpectedCase,
  imageToken: number,
): Prompt {
  const perPatch = (pixels?.length ?? 0) / grids.reduce((sum, grid) => sum + grid.height * grid.width, 0)
  let patch = 0
  let search = 0
  const images = grids.map((grid, index) => {
    const patches = grid.height * grid.width
    const own = pixels?.slice(patch * perPatch, (patch + patches) * perPatch) ?? new Float32Array()
    const offset = ids.indexOf(imageToken, search)
    patch += patches
    search = offset + patches / 4
    return {
      offset,
      count: patches / 4,
      digest: `${name} ${index}`,
      load: () => Promise.resolve({ grid, pixels: Float32Array.from(own) }),
    }
  })
  return { tokens: ids, positions, nextPosition: ids.length + ropeDelta, images }
}

export const greedy: SamplingOptions = {
  temperature: 0,
  topP: 1,
  topK: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  seed: 0,
  logprobs: null,
}

export function generate(prompt: Prompt, options: Partial<GenerateRequest> = {}): GenerateRequest {
  return {
    id: 'request',
    caller: { id: 'caller', deadlineMs: null },
    prompt,
    sampling: greedy,
    maxNewTokens: 16,
    stopTokens: [],
    constraint: null,
    signal: new AbortController().signal,
    ...options,
  }
}

/** Encodes a prompt's pictures under names of their own. */
export async function encodeImages(
  runner: ModelRunner,
  { images }: Prompt,
  name: string,
): Promise<FeatureId[]> {
  const ids: FeatureId[] = []
  for (const [index, image] of images.entries()) {
    const id = `${name}/${index}`
    await runner.encode(await image.load(new AbortController().signal), id)
    ids.push(id)
  }
  return ids
}

/** Tokens `from` to `to - 1` of a prompt and the answer forced behind it. */
export function rowOf(
  { tokens, positions, nextPosition, images }: Prompt,
  answer: readonly number[],
  {
    slot,
    from,
    to,
    features,
    sampling,
  }: {
    slot: number
    from: number
    to: number
    features: readonly FeatureId[]
    sampling: RowSampling | null
  },
): Row {
  const position = (axis: number, index: number) =>
    index < tokens.length
      ? (positions[axis * tokens.length + index] ?? 0)
      : nextPosition + index - tokens.length
  const count = to - from
  const spans: ImageSpan[] = images.flatMap(({ offset, count: length }, index) => {
    const first = Math.max(offset, from)
    const end = Math.min(offset + length, to)
    if (first >= end) return []
    return [
      { offset: first - from, count: end - first, features: features[index] ?? '', from: first - offset },
    ]
  })
  return {
    slot,
    start: from,
    tokens: [...tokens, ...answer].slice(from, to),
    positions: Int32Array.from({ length: 3 * count }, (_, i) =>
      position(Math.floor(i / count), from + (i % count)),
    ),
    images: spans,
    sampling,
  }
}
