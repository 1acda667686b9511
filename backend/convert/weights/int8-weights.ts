import assert from 'node:assert/strict'
import { type Matrix, type RowBlock, rowBlocks } from '../checkpoint/matrix.ts'
import { elementTypes, type Value } from '../onnx/graph.ts'
import type { GraphBuilder } from '../onnx/graph-builder.ts'
import { floatWeights } from './float-weights.ts'
import { nearest } from './nearest.ts'
import { bytesOf, writeTransposed } from './transpose.ts'
import type { WeightFormat } from './weight-format.ts'

/**
 * A row whose largest value is more than so many times its mean magnitude takes 16 bits; below, rounding to 8 bits costs a
 * row at most 5.5 % of its norm (docs/adr/0004).
 */
const outlierRatio = 24

/**
 * Products in 8-bit integers. Weights have one scale per output, activations one per row, found at run time: a row's
 * result never depends on the rows beside it. Activations are unsigned around 128, because signed ones leave the
 * processor's fast path (60 times slower, measured).
 */
export const int8Format: WeightFormat = {
  linear(g, x, { weight, bias, outliers }) {
    const weights = int8Transposed(g, weight)
    const rows = scaleRows(g, x)
    const product = outliers
      ? fineProduct(g, rows, weights)
      : coarseProduct(g, roundRows(g, rows.scaled), weights)
    const result = g.op('Mul', [product, rows.scales])
    return bias === null ? result : g.op('Add', [result, floatWeights(g, bias, [weight.rows])])
  },
  embedding(g, ids, table) {
    const [quantised, scales] = g.weights({
      source: table.name,
      parts: [
        { type: 'i8', dims: [table.rows, table.columns] },
        { type: 'f32', dims: [table.rows, 1] },
      ],
      async write(put) {
        for await (const block of rowBlocks(table)) {
          const { values, scales } = quantiseBlock(block, table.columns)
          await put(0, block.first * table.columns, bytesOf(values))
          await put(1, block.first * 4, bytesOf(scales))
        }
      },
    })
    const pick = (from: Value | undefined) => g.op('Gather', [from ?? null, ids])
    const rows = g.op('Cast', [pick(quantised)], { attributes: { to: elementTypes.f32.code } })
    return g.op('Mul', [rows, pick(scales)])
  },
}

/** Each row of x, f32 [M, K], stretched to −127 … 127; and the factor, f32 [M, 1], that takes it back. */
function scaleRows(g: GraphBuilder, x: Value) {
  const magnitudes = g.op('Abs', [x])
  const largest = g.op('ReduceMax', [magnitudes, g.constant('i64', [-1])], { attributes: { keepdims: 1 } })
  // A row of zeros must not divide by zero.
  const positive = g.op('Max', [largest, scalar(g, 1e-30)])
  const scales = g.op('Mul', [positive, scalar(g, 1 / 127)])
  return { scaled: g.op('Div', [x, scales]), scales, magnitudes, largest }
}

type ScaledRows = ReturnType<typeof scaleRows>
type Int8Weights = ReturnType<typeof int8Transposed>

/** Values −127 … 127 as u8: q stands for q − 128. QuantizeLinear rounds, shifts and saturates in one pass. */
function roundRows(g: GraphBuilder, rows: Value) {
  return g.op('QuantizeLinear', [rows, scalar(g, 1), zeroPoint(g)])
}

function coarseProduct(g: GraphBuilder, activations: Value, { quantised, scales }: Int8Weights) {
  const inputs = [activations, quantised, scalar(g, 1), scales, zeroPoint(g)]
  return g.op('MatMulIntegerToFloat', inputs, { domain: 'com.microsoft' })
}

/**
 * Rows with outliers in 16 bits: what rounding to 8 leaves over is stretched to 8 bits of its own and goes through the
 * same product as a row more. Weights are read once, and a row's result depends on no other row.
 */
function fineProduct(g: GraphBuilder, rows: ScaledRows, weights: Int8Weights) {
  const selected = outlierRows(g, rows)
  const chosen = g.op('Gather', [rows.scaled, selected])
  // A remainder is at most one half.
  const stretch = 2 * 127
  const remainders = g.op('Mul', [g.op('Sub', [chosen, g.op('Round', [chosen])]), scalar(g, stretch)])
  const stacked = g.op('Concat', [roundRows(g, rows.scaled), roundRows(g, remainders)], {
    attributes: { axis: 0 },
  })
  const product = coarseProduct(g, stacked, weights)
  const size = (of: Value) => g.op('Shape', [of], { attributes: { start: 0, end: 1 } })
  const sizes = g.op('Concat', [size(rows.scaled), size(selected)], { attributes: { axis: 0 } })
  const [high, low] = g.ops('Split', [product, sizes], 2, { attributes: { axis: 0 } })
  assert(high && low, 'the product splits into rows and remainders')
  const additions = g.op('Mul', [low, scalar(g, 1 / stretch)])
  const places = g.op('Reshape', [selected, g.constant('i64', [-1, 1])])
  return g.op('ScatterND', [high, places, additions], {
    attributes: { reduction: 'add' },
  })
}

/** Which rows hold a value far above their mean, i64 [R]. */
function outlierRows(g: GraphBuilder, { magnitudes, largest }: ScaledRows) {
  const means = g.op('ReduceMean', [magnitudes, g.constant('i64', [-1])], { attributes: { keepdims: 0 } })
  const limits = g.op('Mul', [means, scalar(g, outlierRatio)])
  const isAbove = g.op('Less', [limits, g.op('Reshape', [largest, g.constant('i64', [-1])])])
  return g.op('Reshape', [g.op('NonZero', [isAbove]), g.constant('i64', [-1])])
}

function zeroPoint(g: GraphBuilder) {
  return g.constant('u8', [128], [])
}

function scalar(g: GraphBuilder, value: number) {
  return g.constant('f32', [value], [])
}

/** The transpose, i8 [columns, rows], and the scale of each of its columns, f32 [rows]. */
function int8Transposed(g: GraphBuilder, weight: Matrix) {
  const { rows, columns } = weight
  const [quantised, scales] = g.weights({
    source: weight.name,
    parts: [
      { type: 'i8', dims: [columns, rows] },
      { type: 'f32', dims: [rows] },
    ],
    async write(put) {
      const all = new Float32Array(rows)
      const encode = (block: RowBlock) => {
        const { values, scales } = quantiseBlock(block, columns)
        all.set(scales, block.first)
        return values
      }
      await writeTransposed(
        weight,
        (length) => new Int8Array(length),
        encode,
        (offset, bytes) => put(0, offset, bytes),
      )
      await put(1, 0, bytesOf(all))
    },
  })
  return { quantised: quantised ?? null, scales: scales ?? null }
}

/** Each row to integers −127 … 127 and its scale. */
function quantiseBlock({ rows, values }: RowBlock, columns: number) {
  const quantised = new Int8Array(values.length)
  const scales = new Float32Array(rows)
  for (let row = 0; row < rows; row += 1) {
    const start = row * columns
    const end = start + columns
    let [low, high] = [0, 0]
    for (let i = start; i < end; i += 1) {
      const value = values[i] ?? 0
      if (value < low) low = value
      if (value > high) high = value
    }
    // A row of zeros stays zero under any scale.
    const scale = Math.fround(Math.max(-low, high) / 127) || 1
    scales[row] = scale
    const inverse = 1 / scale
    for (let i = start; i < end; i += 1) quantised[i] = nearest((values[i] ?? 0) * inverse)
  }
  return { values: quantised, scales }
}
