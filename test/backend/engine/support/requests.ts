import { Engine, type EngineOptions } from '../../../../backend/engine/engine.ts'
import type {
  Constraint,
  GenerateEvent,
  GenerateRequest,
  PromptImage,
} from '../../../../backend/engine/request.ts'
import type { ModelRunner } from '../../../../backend/engine/runner.ts'

export function startEngine(runner: ModelRunner, options: Partial<EngineOptions> = {}): Engine {
  return new Engine({
    runner,
    createRunner: null,
    maxQueue: 64,
    maxQueuePerCaller: 64,
    prefillChunk: 16,
    featureCacheBytes: 1024,
    prefixCache: true,
    maxImageLoads: 2,
    now: () => performance.timeOrigin + performance.now(),
    onRunnerError: () => undefined,
    ...options,
  })
}

export interface RequestOptions {
  id?: string
  callerId?: string
  deadlineMs?: number | null
  /** Text tokens, and pictures standing for their image tokens. */
  parts?: (number | FakePicture)[]
  maxNewTokens?: number
  stopTokens?: number[]
  constraint?: Constraint | null
  signal?: AbortSignal
}

export interface FakePicture {
  readonly content: number
  readonly count: number
  /** Awaited before the pixels are there; may throw. */
  readonly onLoad?: (signal: AbortSignal) => unknown
}

const imageToken = 60

/** A request whose positions behave as the model's: a picture's tokens share their temporal position. */
export function request(options: RequestOptions = {}): GenerateRequest {
  const tokens: number[] = []
  const axes: [number[], number[], number[]] = [[], [], []]
  const images: PromptImage[] = []
  let position = 0
  for (const part of options.parts ?? text(5)) {
    if (typeof part === 'number') {
      tokens.push(part)
      for (const axis of axes) axis.push(position)
      position++
      continue
    }
    images.push(promptImage(part, tokens.length))
    for (let i = 0; i < part.count; i++) {
      tokens.push(imageToken)
      axes[0].push(position)
      axes[1].push(position + i)
      axes[2].push(position)
    }
    position += part.count
  }
  return {
    id: options.id ?? 'request',
    caller: { id: options.callerId ?? 'caller', deadlineMs: options.deadlineMs ?? null },
    prompt: { tokens, positions: Int32Array.from(axes.flat()), nextPosition: position, images },
    sampling: {
      temperature: 0,
      topP: 1,
      topK: 0,
      repetitionPenalty: 1,
      presencePenalty: 0,
      frequencyPenalty: 0,
      seed: 0,
      logprobs: null,
    },
    maxNewTokens: options.maxNewTokens ?? 8,
    stopTokens: options.stopTokens ?? [],
    constraint: options.constraint ?? null,
    signal: options.signal ?? new AbortController().signal,
  }
}

/** `count` text tokens, different for every `seed`. */
export function text(count: number, seed = 0): number[] {
  return Array.from({ length: count }, (_, i) => (i * 7 + seed * 13) % 59)
}

function promptImage({ content, count, onLoad }: FakePicture, offset: number): PromptImage {
  return {
    offset,
    count,
    digest: `picture ${content}`,
    load: async (signal) => {
      await onLoad?.(signal)
      return { grid: { height: 2, width: 2 * count }, pixels: Float32Array.of(content) }
    },
  }
}

export interface Answer {
  readonly tokens: number[]
  readonly finish: GenerateEvent & { type: 'finish' }
}

/** Reads to the end. */
export async function collect(events: AsyncIterable<GenerateEvent>): Promise<Answer> {
  const tokens: number[] = []
  for await (const event of events) {
    if (event.type === 'finish') return { tokens, finish: event }
    tokens.push(event.token)
  }
  throw new Error('the events ended without a finish')
}
