import { type Matrix, type RowBlock, rowBlocks } from '../checkpoint/matrix.ts'
import type { GraphBuilder } from '../onnx/graph-builder.ts'
import { floatWeights } from './float-weights.ts'
import { int8Format } from './int8-weights.ts'
import { nearest } from './nearest.ts'
import { bytesOf } from './transpose.ts'
import type { WeightFormat } from './weight-format.ts'

/** Blocks of 128 are 1.6–2 times faster than blocks of 32 on CPU, and their scales take a quarter of the room. */
const blockSize = 128
/** Shares of a block's range tried as the quantised range: cutting its tails costs the few and serves the many. */
const rangeShares = [1, 0.9, 0.8] as const

type Bits = 4 | 8

/** Weights in 4 or 8 bits, in blocks of 128 along the input, each with a scale and a zero point. */
export function nbitsFormat(bits: Bits): WeightFormat {
  return {
    linear(g, x, { weight, bias }) {
      const inputs = [x, ...nbitsWeights(g, weight, bits)]
      const product = g.op('MatMulNBits', inputs, {
        domain: 'com.microsoft',
        // Level 4 multiplies in int8, with one scale per block of a row; other levels are several times slower on CPU.
        attributes: { K: weight.columns, N: weight.rows, bits, block_size: blockSize, accuracy_level: 4 },
      })
      return bias === null ? product : g.op('Add', [product, floatWeights(g, bias, [weight.rows])])
    },
    // Only the rows asked for are ever read: fewer bits would save disk, and cost accuracy.
    embedding: int8Format.embedding,
  }
}

function nbitsWeights(g: GraphBuilder, weight: Matrix, bits: Bits) {
  const blocks = Math.ceil(weight.columns / blockSize)
  const rowBytes = (blocks * blockSize * bits) / 8
  const zeroBytes = Math.ceil((blocks * bits) / 8)
  return g.weights({
    source: weight.name,
    parts: [
      { type: 'u8', dims: [weight.rows, blocks, rowBytes / blocks] },
      { type: 'f32', dims: [weight.rows, blocks] },
      { type: 'u8', dims: [weight.rows, zeroBytes] },
    ],
    async write(put) {
      for await (const block of rowBlocks(weight)) {
        const { packed, scales, zeros } = quantiseRows(block, weight.columns, bits)
        await put(0, block.first * rowBytes, packed)
        await put(1, block.first * blocks * 4, bytesOf(scales))
        await put(2, block.first * zeroBytes, zeros)
      }
    },
  })
}

/** The last block of a row is filled up with zero points, which stand for 0. */
function quantiseRows({ rows, values }: RowBlock, columns: number, bits: Bits) {
  const blocks = Math.ceil(columns / blockSize)
  const max = 2 ** bits - 1
  const levels = new Uint8Array(rows * blocks * blockSize)
  const scales = new Float32Array(rows * blocks)
  const zeros = new Uint8Array(rows * blocks)
  for (let index = 0; index < scales.length; index += 1) {
    const row = Math.floor(index / blocks)
    const start = row * columns + (index % blocks) * blockSize
    const end = Math.min(start + blockSize, (row + 1) * columns)
    const { scale, zero } = bestRange(values, start, end, max)
    scales[index] = scale
    zeros[index] = zero
    const inverse = 1 / scale
    let at = index * blockSize
    for (let i = start; i < end; i += 1, at += 1) levels[at] = levelOf(values[i] ?? 0, inverse, zero, max)
    levels.fill(zero, at, (index + 1) * blockSize)
  }
  return { packed: pack(levels, blocks * blockSize, bits), scales, zeros: pack(zeros, blocks, bits) }
}

/** The scale and zero point, of those tried, with the least squared error over `values[start … end − 1]`. */
function bestRange(values: Float32Array, start: number, end: number, max: number) {
  let [low, high] = [0, 0]
  for (let i = start; i < end; i += 1) {
    const value = values[i] ?? 0
    if (value < low) low = value
    if (value > high) high = value
  }
  let best = { scale: 1, zero: 0 }
  let least = Number.POSITIVE_INFINITY
  for (const share of rangeShares) {
    const scale = Math.fround(((high - low) * share) / max) || 1
    const zero = nearest((-low * share) / scale)
    const error = squaredError(values, start, end, { scale, zero, max })
    if (error < least) {
      best = { scale, zero }
      least = error
    }
  }
  return best
}

interface Grid {
  readonly scale: number
  readonly zero: number
  /** The largest level; the least is 0. */
  readonly max: number
}

function squaredError(values: Float32Array, start: number, end: number, { scale, zero, max }: Grid) {
  const inverse = 1 / scale
  let sum = 0
  for (let i = start; i < end; i += 1) {
    const value = values[i] ?? 0
    const error = (levelOf(value, inverse, zero, max) - zero) * scale - value
    sum += error * error
  }
  return sum
}

function levelOf(value: number, inverse: number, zero: number, max: number) {
  const level = nearest(value * inverse) + zero
  return level < 0 ? 0 : level > max ? max : level
}

/** 4-bit values two a byte, the earlier in the lower half; a row of odd length ends in half a byte. */
function pack(levels: Uint8Array, perRow: number, bits: Bits) {
  if (bits === 8) return levels
  const rowBytes = Math.ceil(perRow / 2)
  const packed = new Uint8Array((levels.length / perRow) * rowBytes)
  for (let i = 0; i < levels.length; i += 1) {
    const column = i % perRow
    const at = ((i - column) / perRow) * rowBytes + (column >> 1)
    packed[at] = (packed[at] ?? 0) | ((levels[i] ?? 0) << (4 * (column & 1)))
  }
  return packed
}
