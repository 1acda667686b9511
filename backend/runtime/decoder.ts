import { strict as assert } from 'node:assert'
import { Tensor } from 'onnxruntime-node'
import type { FeatureId, Row } from '../engine/runner.ts'
import { decoderGraph, embedGraph } from '../model/graphs.ts'
import type { TextConfig } from '../model/model-config.ts'
import { textRotary } from '../model/rotary.ts'
import type { KvCache } from './kv-cache.ts'
import type { Sessions } from './sessions.ts'
import { floats, free } from './tensors.ts'

const { inputs, outputs } = decoderGraph

/**
 * A step's rows as the graph takes them: one lane for every slot from the lowest to the highest used, so that the cache
 * is read as one view. A lane without a row feeds token 0 at the start of a slot nobody uses, and is ignored.
 */
interface Lanes {
  readonly first: number
  /** By slot, from `first` on. */
  readonly rows: readonly (Row | null)[]
  /** Tokens of every lane. */
  readonly tokens: number
}

/** Runs rows through the token embedding and the decoder, and writes their keys and values into the pool. */
export class Decoder {
  readonly #sessions: Pick<Sessions, 'embed' | 'decoder'>
  readonly #config: TextConfig
  readonly #cache: KvCache
  readonly #features: ReadonlyMap<FeatureId, Float32Array>
  readonly #wanted: readonly string[]

  constructor(
    sessions: Pick<Sessions, 'embed' | 'decoder'>,
    config: TextConfig,
    cache: KvCache,
    features: ReadonlyMap<FeatureId, Float32Array>,
  ) {
    this.#sessions = sessions
    this.#config = config
    this.#cache = cache
    this.#features = features
    // In the graph's own order: the binding takes the n-th fetch to the n-th output's preferred location.
    this.#wanted = [...cache.outputs, outputs.logits]
  }

  /** f32 [rows that ask for a sample, vocab], in the order of the rows; the caller's to free. */
  async forward(rows: readonly Row[]): Promise<Float32Array> {
    const lanes = lanesOf(rows)
    const cacheRows = rows.map(({ slot, start }) => ({ slot, start, total: start + lanes.tokens }))
    this.#cache.reserve(cacheRows)
    const embeddings = await this.#embed(lanes)
    const results = await this.#sessions.decoder.run(this.#feeds(rows, lanes, embeddings), this.#wanted)
    free(embeddings)
    this.#cache.keep(results, cacheRows, lanes.first)
    return floats(results, outputs.logits)
  }

  #feeds(rows: readonly Row[], lanes: Lanes, embeddings: Float32Array): Record<string, Tensor> {
    const { rope, hiddenSize } = this.#config
    const lane = lanes.rows.length
    const { tokens } = lanes
    const flat = lane * tokens
    const { cos, sin } = textRotary(lanePositions(lanes), { rope })
    const totals = lanes.rows.map((row) => (row === null ? tokens : row.start + tokens))
    const sampled = rows
      .filter((row) => row.sampling !== null)
      .map((row) => (row.slot - lanes.first) * tokens + tokens - 1)
    // The graph takes at least one; nobody reads the logits of a step that samples nothing.
    const logitRows = sampled.length > 0 ? sampled : [0]
    const feeds: Record<string, Tensor> = {
      [inputs.embeddings]: new Tensor('float32', embeddings, [lane, tokens, hiddenSize]),
      [inputs.rotaryCos]: new Tensor('float32', cos, [flat, rope.rotaryDim / 2]),
      [inputs.rotarySin]: new Tensor('float32', sin, [flat, rope.rotaryDim / 2]),
      [inputs.rotaryRows]: int64(
        Array.from({ length: flat }, (_, i) => i),
        [lane, tokens],
      ),
      [inputs.logitRows]: int64(logitRows, [logitRows.length]),
      [inputs.totalMinusOne]: new Tensor(
        'int32',
        Int32Array.from(totals, (total) => total - 1),
        [lane],
      ),
      [inputs.maxTotal]: new Tensor('int32', Int32Array.of(Math.max(...totals)), []),
    }
    for (const [layer, { key, value }] of this.#cache.past(lanes.first, lane).entries()) {
      feeds[inputs.pastKey(layer)] = key
      feeds[inputs.pastValue(layer)] = value
    }
    return feeds
  }

  /** f32 [lanes, tokens, hidden]: the table's rows, with pictures' features in their places. */
  async #embed({ rows, tokens }: Lanes): Promise<Float32Array> {
    const ids = int64(
      rows.flatMap((row) => row?.tokens ?? [0]),
      [rows.length * tokens],
    )
    const results = await this.#sessions.embed.run({ [embedGraph.inputs.ids]: ids }, [
      embedGraph.outputs.embeddings,
    ])
    const embeddings = floats(results, embedGraph.outputs.embeddings)
    const { hiddenSize } = this.#config
    for (const [lane, row] of rows.entries()) {
      for (const { offset, count, features, from } of row?.images ?? []) {
        const picture = this.#features.get(features)
        assert(
          picture !== undefined && (from + count) * hiddenSize <= picture.length,
          'the features are there',
        )
        const span = picture.subarray(from * hiddenSize, (from + count) * hiddenSize)
        embeddings.set(span, (lane * tokens + offset) * hiddenSize)
      }
    }
    return embeddings
  }
}

function lanesOf(rows: readonly Row[]): Lanes {
  const slots = rows.map((row) => row.slot)
  const first = Math.min(...slots)
  const lanes = new Array<Row | null>(Math.max(...slots) - first + 1).fill(null)
  for (const row of rows) {
    assert(lanes[row.slot - first] === null, 'a slot has one row')
    lanes[row.slot - first] = row
  }
  const tokens = rows[0]?.tokens.length ?? 0
  assert(tokens > 0 && rows.every((row) => row.tokens.length === tokens), 'rows of a step are equally long')
  assert(rows.length === 1 || tokens === 1, 'only decode rows share a step')
  return { first, rows: lanes, tokens }
}

/** Axis by axis, i32 [3, lanes · tokens]. */
function lanePositions({ rows, tokens }: Lanes): Int32Array {
  const positions = new Int32Array(3 * rows.length * tokens)
  for (const [lane, row] of rows.entries()) {
    for (let axis = 0; row !== null && axis < 3; axis++) {
      positions.set(
        row.positions.subarray(axis * tokens, (axis + 1) * tokens),
        (axis * rows.length + lane) * tokens,
      )
    }
  }
  return positions
}

function int64(values: readonly number[], dims: readonly number[]): Tensor {
  return new Tensor('int64', BigInt64Array.from(values, BigInt), dims)
}
