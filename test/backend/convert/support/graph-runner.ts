import assert from 'node:assert/strict'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { decoderGraph, embedGraph, graphFiles, visionGraph } from '../../../../backend/model/graphs.ts'
import type { ModelConfig } from '../../../../backend/model/model-config.ts'
import type { Grid } from '../../../../backend/model/patches.ts'
import { positionTaps } from '../../../../backend/model/position-taps.ts'
import { readModelConfig } from '../../../../backend/model/read-model-config.ts'
import { textRotary, visionRotary } from '../../../../backend/model/rotary.ts'

/** Keys and values of one sequence: per layer f32 [1, kvHeads, capacity, d]. */
export interface Cache {
  length: number
  readonly keys: readonly Float32Array[]
  readonly values: readonly Float32Array[]
}

/** The tokens one sequence feeds in a step. */
export interface Feed {
  readonly cache: Cache
  /** f32 [S, hidden] */
  readonly embeddings: Float32Array
  /** [3, S] */
  readonly positions: Int32Array
}

/** A converted folder's three graphs, driven as plainly as possible: the slow version of the runtime. */
export class GraphRunner {
  readonly config: ModelConfig
  readonly capacity: number
  readonly #vision: InferenceSession
  readonly #embed: InferenceSession
  readonly #decoder: InferenceSession

  private constructor(
    config: ModelConfig,
    capacity: number,
    sessions: readonly [InferenceSession, InferenceSession, InferenceSession],
  ) {
    this.config = config
    this.capacity = capacity
    ;[this.#vision, this.#embed, this.#decoder] = sessions
  }

  static async open(dir: string, capacity: number) {
    const options = { intraOpNumThreads: 1, executionProviders: ['cpu'] }
    const session = (file: string) => InferenceSession.create(join(dir, file), options)
    const sessions = [
      await session(graphFiles.vision),
      await session(graphFiles.embed),
      await session(graphFiles.decoder),
    ] as const
    return new GraphRunner(await readModelConfig(dir), capacity, sessions)
  }

  newCache(): Cache {
    const { layers, kvHeads, headSize } = this.config.text
    // What lies beyond a sequence's length must not matter, whatever number it is.
    const empty = () => new Float32Array(kvHeads * this.capacity * headSize).fill(1e30)
    return {
      length: 0,
      keys: Array.from({ length: layers }, empty),
      values: Array.from({ length: layers }, empty),
    }
  }

  /** f32 [N / 4, hidden] */
  async encode(pixels: Float32Array, grid: Grid): Promise<Float32Array> {
    const { vision } = this.config
    const patches = grid.height * grid.width
    const { cos, sin } = visionRotary(grid, vision)
    const names = visionGraph.inputs
    const feeds: Record<string, Tensor> = {
      [names.pixels]: new Tensor('float32', pixels, [patches, pixels.length / patches]),
      [names.rotaryCos]: new Tensor('float32', cos, [patches, vision.headSize / 2]),
      [names.rotarySin]: new Tensor('float32', sin, [patches, vision.headSize / 2]),
    }
    if (vision.positionTableSide > 0) {
      const { taps, weights } = positionTaps(grid, vision)
      feeds[names.positionTaps] = new Tensor('int64', taps, [patches, 16])
      feeds[names.positionWeights] = new Tensor('float32', weights, [patches, 16])
    }
    return floats(await this.#vision.run(feeds), visionGraph.outputs.features)
  }

  /** f32 [S, hidden] */
  async embed(ids: readonly number[]): Promise<Float32Array> {
    const tensor = new Tensor('int64', BigInt64Array.from(ids.map(BigInt)), [ids.length])
    return floats(await this.#embed.run({ [embedGraph.inputs.ids]: tensor }), embedGraph.outputs.embeddings)
  }

  /** Runs one step, appends to every cache, and gives the logits of the rows asked for, f32 [R, vocab]. */
  async step(feeds: readonly Feed[], logitRows: readonly number[]): Promise<Float32Array> {
    const { text } = this.config
    const tokens = (feeds[0]?.positions.length ?? 0) / 3
    const past = [text.kvHeads, this.capacity, text.headSize]
    const names = decoderGraph.inputs
    const angles = feeds.map(({ positions }) => textRotary(positions, text))
    const totals = feeds.map(({ cache }) => cache.length + tokens)
    assert(Math.max(...totals) <= this.capacity, 'the sequence fits the cache')
    const f32 = (parts: readonly Float32Array[], dims: readonly number[]) =>
      new Tensor('float32', concat(parts), dims)
    const rows = feeds.length * tokens
    const inputs: Record<string, Tensor> = {
      [names.embeddings]: f32(
        feeds.map((feed) => feed.embeddings),
        [feeds.length, tokens, text.hiddenSize],
      ),
      [names.rotaryCos]: f32(
        angles.map(({ cos }) => cos),
        [rows, text.rope.rotaryDim / 2],
      ),
      [names.rotarySin]: f32(
        angles.map(({ sin }) => sin),
        [rows, text.rope.rotaryDim / 2],
      ),
      [names.rotaryRows]: new Tensor(
        'int64',
        BigInt64Array.from({ length: rows }, (_, i) => BigInt(i)),
        [feeds.length, tokens],
      ),
      [names.logitRows]: new Tensor('int64', BigInt64Array.from(logitRows.map(BigInt)), [logitRows.length]),
      [names.totalMinusOne]: new Tensor(
        'int32',
        Int32Array.from(totals, (total) => total - 1),
        [feeds.length],
      ),
      [names.maxTotal]: new Tensor('int32', Int32Array.of(Math.max(...totals)), []),
    }
    const wanted: string[] = [decoderGraph.outputs.logits]
    for (let layer = 0; layer < text.layers; layer += 1) {
      inputs[names.pastKey(layer)] = f32(
        feeds.map(({ cache }) => cache.keys[layer] ?? new Float32Array()),
        [feeds.length, ...past],
      )
      inputs[names.pastValue(layer)] = f32(
        feeds.map(({ cache }) => cache.values[layer] ?? new Float32Array()),
        [feeds.length, ...past],
      )
      wanted.push(decoderGraph.outputs.newKey(layer), decoderGraph.outputs.newValue(layer))
    }
    const results = await this.#decoder.run(inputs, wanted)
    for (const [row, { cache }] of feeds.entries()) this.#append(cache, results, row, tokens)
    return floats(results, decoderGraph.outputs.logits)
  }

  /** Copies a row's new keys and values, f32 [B, S, kvHeads · d], behind what its cache holds. */
  #append(cache: Cache, results: InferenceSession.OnnxValueMapType, row: number, tokens: number) {
    const { layers, kvHeads, headSize } = this.config.text
    const width = kvHeads * headSize
    for (let layer = 0; layer < layers; layer += 1) {
      for (const [to, name] of [
        [cache.keys[layer], decoderGraph.outputs.newKey(layer)],
        [cache.values[layer], decoderGraph.outputs.newValue(layer)],
      ] as const) {
        const from = floats(results, name)
        for (let token = 0; token < tokens; token += 1) {
          for (let head = 0; head < kvHeads; head += 1) {
            const start = (row * tokens + token) * width + head * headSize
            to?.set(
              from.subarray(start, start + headSize),
              (head * this.capacity + cache.length + token) * headSize,
            )
          }
        }
      }
    }
    cache.length += tokens
  }
}

function floats(results: InferenceSession.OnnxValueMapType, name: string): Float32Array {
  const data = results[name]?.data
  assert(data instanceof Float32Array, `${name} is an f32 output`)
  return data
}

export function concat(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    all.set(part, offset)
    offset += part.length
  }
  return all
}
