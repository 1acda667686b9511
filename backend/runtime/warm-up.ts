import type { Row, RowSampling } from '../engine/runner.ts'
import type { ModelConfig } from '../model/model-config.ts'
import type { Patches } from '../model/patches.ts'
import type { Model } from './model.ts'

/** What a running answer may have to wait for a neighbour's prompt, about. */
const targetStepMs = 100
/** Chunks below waste most of a step on reading the weights; chunks above gain nothing. */
const chunkSizes = { least: 16, most: 512 } as const

const sampling: RowSampling = {
  temperature: 1,
  topP: 0.9,
  topK: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  promptLength: 1,
  seed: 0,
  allowed: null,
  logprobs: null,
}

export interface WarmUp {
  /** Prompt tokens whose step takes about as long as a running answer should have to wait. */
  readonly prefillChunk: number
  /** Its step, and a decode step of all slots. */
  readonly prefillMs: number
  readonly decodeMs: number
}

/**
 * Runs every kind of step once, so that the first request finds memory allocated and code compiled, and measures how
 * many prompt tokens a step may take. Leaves entries in the slots that nobody knows of.
 */
export async function warmUp(model: Model, now: () => number): Promise<WarmUp> {
  await model.encode(blankPicture(model.config), 'warm-up')
  model.release('warm-up')
  const decode = Array.from({ length: model.slots }, (_, slot) => row(slot, 0, 1))
  await model.step(decode)
  const decodeMs = await timed(() => model.step(decode), now)
  const most = Math.min(chunkSizes.most, model.mostStepTokens, model.maxLength - 1)
  let size = Math.min(chunkSizes.least, most)
  let prefillMs = await timedTwice(model, size, now)
  while (prefillMs * 2 <= targetStepMs && size < most) {
    size = Math.min(size * 2, most)
    prefillMs = await timedTwice(model, size, now)
  }
  const fitting = Math.floor((size * targetStepMs) / prefillMs / 16) * 16
  const prefillChunk = Math.max(2, Math.min(most, Math.max(chunkSizes.least, Math.min(fitting, size * 2))))
  return { prefillChunk, prefillMs: (prefillMs * prefillChunk) / size, decodeMs }
}

/** The first run of a size also allocates its memory. */
async function timedTwice(model: Model, size: number, now: () => number): Promise<number> {
  const step = () => model.step([row(0, 0, size)])
  return Math.min(await timed(step, now), await timed(step, now))
}

async function timed(work: () => Promise<unknown>, now: () => number): Promise<number> {
  const startedAtMs = now()
  await work()
  return now() - startedAtMs
}

function row(slot: number, start: number, count: number): Row {
  const tokens = new Array<number>(count).fill(0)
  return { slot, start, tokens, positions: new Int32Array(3 * count), images: [], sampling }
}

/** One merge block. */
function blankPicture({ vision }: ModelConfig): Patches {
  const { mergeSize, channels, temporalPatchSize, patchSize } = vision
  const pixels = new Float32Array(mergeSize ** 2 * channels * temporalPatchSize * patchSize ** 2)
  return { grid: { height: mergeSize, width: mergeSize }, pixels }
}
