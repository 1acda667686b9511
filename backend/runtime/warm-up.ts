import type { Row, RowSampling } from '../engine/runner.ts'
import type { ModelConfig } from '../model/model-config.ts'
import type { Patches } from '../model/patches.ts'
import type { Model } from './model.ts'

/** What a running answer may have to wait for a neighbour's prompt, and anybody for a cancelled one's end, about. */
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
  /** Prompt tokens a step, at most. */
  readonly prefillChunk: number
  /** A step of such a chunk, and a decode step of all slots. */
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
  let prefillMs = await timedBest(model, size, now)
  let smaller = { size: 0, prefillMs: 0 }
  while (prefillMs < targetStepMs && size < most) {
    smaller = { size, prefillMs }
    size = Math.min(size * 2, most)
    prefillMs = await timedBest(model, size, now)
  }
  // Between the last two sizes a step takes so much a token on top of what it takes anyway.
  const perTokenMs = Math.max((prefillMs - smaller.prefillMs) / (size - smaller.size), Number.MIN_VALUE)
  const fitting = Math.round((smaller.size + (targetStepMs - smaller.prefillMs) / perTokenMs) / 16) * 16
  const prefillChunk = Math.max(2, Math.min(most, Math.max(chunkSizes.least, fitting)))
  return { prefillChunk, prefillMs: prefillMs + (prefillChunk - size) * perTokenMs, decodeMs }
}

/** The first run of a size also allocates its memory; the others may meet a moment in which the processor was busy. */
async function timedBest(model: Model, size: number, now: () => number): Promise<number> {
  let bestMs = Number.POSITIVE_INFINITY
  for (let run = 0; run < 3; run++) {
    bestMs = Math.min(bestMs, await timed(() => model.step([row(0, 0, size)]), now))
  }
  return bestMs
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
