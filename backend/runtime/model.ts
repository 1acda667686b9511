import { strict as assert } from 'node:assert'
import type { FeatureId, Row, Sampled } from '../engine/runner.ts'
import type { ModelConfig } from '../model/model-config.ts'
import { ModelFolderError } from '../model/model-folder-error.ts'
import type { Patches } from '../model/patches.ts'
import { readModelConfig } from '../model/read-model-config.ts'
import { Decoder } from './decoder.ts'
import { DeviceCache } from './device-cache.ts'
import { parseDevice } from './devices.ts'
import type { KvCache } from './kv-cache.ts'
import { KvPool } from './kv-pool.ts'
import { Sampler } from './sampler.ts'
import { openSessions, type Sessions } from './sessions.ts'
import { softmaxOf } from './softmax.ts'
import { free } from './tensors.ts'
import { encodePicture } from './vision-encoder.ts'

export interface ModelOptions {
  /** A converted folder. */
  readonly modelDir: string
  readonly slots: number
  /** Tokens a slot holds, prompt and answer. */
  readonly maxLength: number
  /** CPU threads a step may use. */
  readonly threads: number
  /** `auto`, `cpu`, `webgpu:0` or `cuda:N`. */
  readonly device: string
}

/** From 32 on the provider takes a kernel that is wrong where subgroups are small (docs/adr/0021). */
const mostTokensOnWebGpu = 31

/** A loaded model with its cache: everything of a runner but the thread. Blocks its thread while it computes. */
export class Model {
  readonly config: ModelConfig
  readonly device: string
  readonly slots: number
  readonly maxLength: number
  /** Prompt tokens that one step computes rightly. */
  readonly mostStepTokens: number
  readonly kvBytes: number
  readonly #cache: KvCache
  readonly #sessions: Sessions
  readonly #decoder: Decoder
  readonly #sampler: Sampler
  /** f32 [image tokens, hidden] each. */
  readonly #features = new Map<FeatureId, Float32Array>()
  /** The tokens of every slot by cache position; what lies beyond a row's end is stale. */
  readonly #histories: readonly Int32Array[]

  private constructor(config: ModelConfig, sessions: Sessions, options: ModelOptions) {
    const { slots, maxLength, device } = options
    const { layers, kvHeads, headSize, vocabSize } = config.text
    const shape = { layers, kvHeads, headSize, slots, capacity: maxLength }
    this.#cache = parseDevice(device).kind === 'webgpu' ? new DeviceCache(shape) : new KvPool(shape)
    this.config = config
    this.device = parseDevice(device).name
    this.slots = slots
    this.maxLength = maxLength
    this.kvBytes = this.#cache.bytes
    this.mostStepTokens = parseDevice(device).kind === 'webgpu' ? mostTokensOnWebGpu : maxLength
    this.#sessions = sessions
    this.#decoder = new Decoder(sessions, config.text, this.#cache, this.#features)
    this.#sampler = new Sampler(vocabSize, softmaxOf(sessions.softmax))
    this.#histories = Array.from({ length: slots }, () => new Int32Array(maxLength))
  }

  /** @throws ModelFolderError or Error with one line for the operator */
  static async open(options: ModelOptions): Promise<Model> {
    const device = parseDevice(options.device)
    const config = await readModelConfig(options.modelDir)
    if (options.maxLength > config.text.maxPositions) {
      const problem = `the model reads ${config.text.maxPositions} tokens at most, not ${options.maxLength}`
      throw new ModelFolderError(options.modelDir, problem)
    }
    const sessions = await openSessions({ ...options, device })
    try {
      return new Model(config, sessions, options)
    } catch (error) {
      await release(sessions)
      throw error
    }
  }

  async encode(patches: Patches, id: FeatureId): Promise<void> {
    this.#features.set(id, await encodePicture(this.#sessions.vision, this.config.vision, patches))
  }

  release(id: FeatureId): void {
    this.#features.delete(id)
  }

  async step(rows: readonly Row[]): Promise<(Sampled | null)[]> {
    const logits = await this.#decoder.forward(rows)
    try {
      return await this.#sample(rows, logits)
    } catch (error) {
      this.#cache.wipe(rows)
      throw error
    } finally {
      free(logits)
    }
  }

  async close(): Promise<void> {
    this.#cache.release()
    await release(this.#sessions)
  }

  /** @param logits f32 [rows that ask for a sample, vocab], used up */
  async #sample(rows: readonly Row[], logits: Float32Array): Promise<(Sampled | null)[]> {
    const asking = rows.flatMap(({ slot, start, tokens, sampling }) => {
      const history = this.#histories[slot]
      assert(history !== undefined, 'the slot exists')
      history.set(tokens, start)
      return sampling === null ? [] : [{ history: history.subarray(0, start + tokens.length), sampling }]
    })
    const sampled = (await this.#sampler.sample(logits, asking)).values()
    return rows.map(({ sampling }) => (sampling === null ? null : (sampled.next().value ?? null)))
  }
}

async function release({ vision, embed, decoder, softmax }: Sessions): Promise<void> {
  for (const session of [vision, embed, decoder, softmax]) await session.release()
}
