import { availableParallelism } from 'node:os'
import { publicUrlPolicy } from '../shared/url-rules.ts'
import { ByteBudget } from './byte-budget.ts'
import { loadChat } from './chat/load-chat.ts'
import type { Tokenizer } from './chat/tokenizer.ts'
import { type AnswerEnd, Completions } from './completion/completions.ts'
import { Intake } from './completion/intake.ts'
import { PluggedCompletions } from './completion/plugged-completions.ts'
import { Prompts } from './completion/prompts.ts'
import { tokenBytes } from './completion/token-bytes.ts'
import { unknownDecoder } from './completion/unknown-decoder.ts'
import type { Config } from './config.ts'
import { Engine } from './engine/engine.ts'
import { Grammars } from './grammar/grammars.ts'
import { hubTokens } from './hub/pull-model.ts'
import { resolveModel } from './hub/resolve-model.ts'
import { loadPlugins } from './load-plugins.ts'
import type { Log } from './log.ts'
import { assertFits, describePlan, planMemory } from './memory-plan.ts'
import { readManifest } from './model/manifest.ts'
import type { ModelConfig } from './model/model-config.ts'
import { readModelConfig } from './model/read-model-config.ts'
import { parseDevice } from './runtime/devices.ts'
import { KvPool } from './runtime/kv-pool.ts'
import { startRunner } from './runtime/worker-runner.ts'
import { defaultFetchLimits, ImageFetcher } from './vision/image-fetcher.ts'
import { PatchPool } from './vision/patch-pool.ts'

/** What the routes serve with, once the model answers. */
export interface Services {
  readonly model: ServedModel
  readonly tokenizer: Tokenizer
  readonly completions: Pick<Completions, 'run' | 'count'>
  readonly engine: Engine
  /** Compiles what `response_format` asks for. */
  readonly grammars: Grammars
  /** Lets running requests finish until the deadline (ms since the epoch); what is left then fails with `draining`. */
  drain(deadlineMs: number): Promise<void>
  close(): Promise<void>
}

export interface ServedModel {
  readonly name: string
  readonly device: string
  readonly config: ModelConfig
  /** Tokens of prompt and answer together. */
  readonly contextLength: number
  /** When it began to answer, in seconds since the epoch. */
  readonly loadedAtS: number
  /** For the log: what was loaded and what it may use. */
  readonly description: Readonly<Record<string, string | number>>
}

/** Share of the context that pictures may fill unless `--max-image-tokens` says otherwise. */
const IMAGE_SHARE = 3 / 4
/** One caller may fill at most this share of the queue, if there are several. */
const CALLER_SHARE = 1 / 2
const DECODE_TIMEOUT_MS = 10_000

/**
 * Finds and converts the model if need be, loads it and starts everything behind the routes.
 * @throws {Error} with one clear line naming what is missing or wrong.
 */
export async function startServices(
  config: Config,
  log: Log,
  signal: AbortSignal,
  onFinish: (end: AnswerEnd) => void = () => {},
  memory: ByteBudget = new ByteBudget(config.maxHeldBytes),
): Promise<Services> {
  const device = parseDevice(config.device)
  const plugins = await loadPlugins(config, log)
  const { dir, name } = await resolveModel({
    modelPath: config.modelPath,
    source: config.source,
    hubUrl: config.hubUrl,
    tokens: hubTokens(process.env),
    cacheDir: config.cacheDir,
    dtype: config.dtype,
    device: device.kind,
    onProgress: logProgress(log),
    signal,
  })
  const [modelConfig, manifest, chat] = await Promise.all([
    readModelConfig(dir),
    readManifest(dir),
    loadChat(dir),
  ])
  // One sequence at a time where the cache is the device's (docs/adr/0021).
  const slots = device.kind === 'webgpu' ? 1 : config.maxBatchSize
  const contextLength = Math.min(config.maxContextLength, modelConfig.text.maxPositions)
  const maxImageTokens = config.maxImageTokens ?? Math.floor(contextLength * IMAGE_SHARE)
  const decodeThreads = Math.max(1, Math.floor(availableParallelism() / 2))
  const availableBytes = process.availableMemory()
  const memoryPlan = planMemory({
    manifest,
    model: modelConfig,
    kvBytes: KvPool.bytesOf({ ...modelConfig.text, slots, capacity: contextLength }),
    imageCacheBytes: config.imageCacheBytes,
    maxHeldBytes: memory.maxBytes,
    decodeThreads,
    maxImagePixels: config.maxImagePixels,
    imageLoads: availableParallelism(),
    maxImageTokens,
  })
  log.info(describePlan(memoryPlan, availableBytes), 'Memory')
  assertFits(memoryPlan, availableBytes)
  const createRunner = () =>
    startRunner({
      modelDir: dir,
      slots,
      maxLength: contextLength,
      threads: config.threads === 0 ? availableParallelism() : config.threads,
      device: device.name,
      signal,
    })
  const runner = await createRunner()
  const engine = new Engine({
    runner,
    createRunner,
    maxQueue: config.maxQueue,
    maxQueuePerCaller: config.apiKey.length > 1 ? Math.ceil(config.maxQueue * CALLER_SHARE) : config.maxQueue,
    prefillChunk: runner.warmUp.prefillChunk,
    featureCacheBytes: config.imageCacheBytes,
    prefixCache: true,
    maxImageLoads: availableParallelism(),
    now: Date.now,
    onRunnerError: (error) => log.error({ err: error }, 'The model failed'),
  })
  const patches = new PatchPool({
    threads: decodeThreads,
    maxQueue: config.maxQueue + config.maxBatchSize * config.maxImages,
    maxPixels: config.maxImagePixels,
    timeoutMs: DECODE_TIMEOUT_MS,
  })
  const decodeUnknown = unknownDecoder(plugins, config.maxImagePixels)
  const takesUnknown = decodeUnknown !== null
  const limits = { maxBytes: config.maxImageBytes, maxPixels: config.maxImagePixels, takesUnknown }
  const fetcher = new ImageFetcher({
    policy: { ...publicUrlPolicy, trustedHosts: config.allowImageHost },
    limits: { ...defaultFetchLimits, ...limits },
  })
  const prompts = new Prompts({
    chat,
    intake: new Intake({ fetcher, limits, maxImages: config.maxImages, memory, decodeUnknown }),
    patches,
    preprocessor: modelConfig.preprocessor,
    contextLength,
    maxImageTokens,
    maxReading: config.maxQueue,
  })
  const { tokenizer } = chat
  const completions = new Completions({
    model: modelConfig,
    tokenizer,
    engine,
    prompts,
    contextLength,
    onFinish,
  })
  const grammars = new Grammars({
    tokenBytes: tokenBytes(tokenizer, modelConfig.text.vocabSize),
    eosTokens: modelConfig.tokens.eos,
    maxThreads: config.maxBatchSize + 1, // a slow mask holds up its own sequence only
  })
  const servedName = config.servedModelName ?? name
  return {
    model: {
      name: servedName,
      device: device.name,
      config: modelConfig,
      contextLength,
      loadedAtS: Math.floor(Date.now() / 1000),
      description: {
        model: servedName,
        device: device.name,
        dtype: manifest.dtype,
        slots,
        context_length: contextLength,
        prefill_chunk: runner.warmUp.prefillChunk,
        prefill_ms: Math.round(runner.warmUp.prefillMs),
        decode_ms: Math.round(runner.warmUp.decodeMs),
      },
    },
    tokenizer,
    completions: plugins === null ? completions : new PluggedCompletions(completions, plugins),
    engine,
    grammars,
    drain: (deadlineMs) => engine.drain(deadlineMs),
    close: async () => {
      await engine.close()
      await patches.close()
      await grammars.close()
      await plugins?.close()
    },
  }
}

const PROGRESS_EVERY_MS = 5_000

/** Pulling and converting take minutes for a large model: one line every few seconds. */
function logProgress(log: Log) {
  let lastMs = 0
  return ({ stage, doneBytes, totalBytes }: { stage: string; doneBytes: number; totalBytes: number }) => {
    const nowMs = performance.now()
    if (nowMs - lastMs < PROGRESS_EVERY_MS && doneBytes < totalBytes) return
    lastMs = nowMs
    const percent = totalBytes === 0 ? 100 : Math.floor((doneBytes / totalBytes) * 100)
    log.info({ stage, percent, done_bytes: doneBytes, total_bytes: totalBytes }, 'Preparing the model')
  }
}
