import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Matrix } from '../../../backend/convert/checkpoint/matrix.ts'
import { GraphBuilder } from '../../../backend/convert/onnx/graph-builder.ts'
import { fp32Format } from '../../../backend/convert/weights/float-weights.ts'
import { halfFormat, toHalves } from '../../../backend/convert/weights/half-weights.ts'
import { int8Format } from '../../../backend/convert/weights/int8-weights.ts'
import { nbitsFormat } from '../../../backend/convert/weights/nbits-weights.ts'
import { nearest } from '../../../backend/convert/weights/nearest.ts'
import { writeTransposed } from '../../../backend/convert/weights/transpose.ts'
import type { WeightFormat } from '../../../backend/convert/weights/weight-format.ts'
import { writeGraph } from '../../../backend/convert/write-graph.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'glm-weights-'))
})
afterEach(() => rm(dir, { recursive: true }))

/** Repeatable values in −1 … 1. */
function noise(length: number, seed: number) {
  let state = seed
  return Float32Array.from({ length }, () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 31 - 1
  })
}

function matrixOf(name: string, rows: number, columns: number, values: Float32Array): Matrix {
  return {
    name,
    rows,
    columns,
    async read(first, into) {
      into.set(values.subarray(first * columns, first * columns + into.length))
    },
  }
}

async function run(g: GraphBuilder, feeds: Record<string, Tensor>): Promise<Float32Array> {
  const producer = { name: 'test', version: '0' }
  const folder = await mkdtemp(join(dir, 'graph-'))
  await writeGraph('graph.onnx', g.build(), {
    dir: folder,
    producer,
    signal: AbortSignal.timeout(10_000),
    onBytes() {},
  })
  const session = await InferenceSession.create(join(folder, 'graph.onnx'), { intraOpNumThreads: 1 })
  const { result } = await session.run(feeds)
  if (!(result?.data instanceof Float32Array)) throw new Error('the result is f32')
  return result.data
}

/** Root mean square of the difference over that of the expected. */
function rmsError(actual: Float32Array, expected: Float32Array) {
  let [difference, norm] = [0, 0]
  expected.forEach((value, i) => {
    difference += (value - (actual[i] ?? Number.NaN)) ** 2
    norm += value ** 2
  })
  return Math.sqrt(difference / norm)
}

interface Case {
  readonly name: string
  readonly format: WeightFormat
  readonly bound: number
}
const formats: Case[] = [
  { name: 'fp32', format: fp32Format, bound: 1e-6 },
  { name: 'fp16', format: halfFormat, bound: 5e-4 },
  { name: 'int8', format: int8Format, bound: 0.01 },
  { name: '8 bits in blocks', format: nbitsFormat(8), bound: 0.01 },
  { name: '4 bits in blocks', format: nbitsFormat(4), bound: 0.12 },
]

describe.each(formats)('$name', ({ format, bound }) => {
  test.each([48, 64, 128, 320])(
    'a linear layer over %i inputs is the exact product within its rounding',
    async (columns) => {
      const [rows, batch] = [72, 5]
      const [weight, bias, x] = [noise(rows * columns, 1), noise(rows, 2), noise(batch * columns, 3)]
      // A row of zeros has no scale of its own.
      x.fill(0, 0, columns)
      const expected = new Float32Array(batch * rows)
      for (let i = 0; i < expected.length; i += 1) {
        const [b, r] = [Math.floor(i / rows), i % rows]
        let sum = bias[r] ?? 0
        for (let c = 0; c < columns; c += 1) sum += (x[b * columns + c] ?? 0) * (weight[r * columns + c] ?? 0)
        expected[i] = sum
      }
      for (const outliers of [false, true]) {
        const g = new GraphBuilder('linear')
        const layer = {
          weight: matrixOf('w', rows, columns, weight),
          bias: matrixOf('b', rows, 1, bias),
          outliers,
        }
        g.output('result', format.linear(g, g.input('x', 'f32', ['M', columns]), layer), 'f32', ['M', rows])
        const result = await run(g, { x: new Tensor('float32', x, [batch, columns]) })
        expect(rmsError(result, expected)).toBeLessThan(bound)
        expect(result.subarray(0, rows)).toEqual(bias)
      }
    },
  )

  test('an embedding is the table’s rows within their rounding', async () => {
    const [rows, columns] = [10, 48]
    const values = noise(rows * columns, 4)
    const g = new GraphBuilder('embedding')
    const table = matrixOf('table', rows, columns, values)
    g.output('result', format.embedding(g, g.input('ids', 'i64', ['S']), table), 'f32', ['S', columns])
    const picked = await run(g, { ids: new Tensor('int64', BigInt64Array.of(7n, 0n, 7n), [3]) })
    const expected = [7, 0, 7].flatMap((row) => [...values.subarray(row * columns, (row + 1) * columns)])
    expect(rmsError(picked, Float32Array.from(expected))).toBeLessThan(Math.min(bound, 0.01))
  })
})

test('one huge activation costs an int8 layer for outliers nothing of the others', async () => {
  const [rows, columns] = [64, 256]
  const weight = noise(rows * columns, 5)
  const x = noise(columns, 6)
  x[17] = 1000
  // Where the outlier meets no weight, only its effect on the rounding of the others is left.
  for (let r = 0; r < rows; r += 1) weight[r * columns + 17] = 0
  const error = async (format: WeightFormat, outliers: boolean) => {
    const g = new GraphBuilder('linear')
    const layer = { weight: matrixOf('w', rows, columns, weight), bias: null, outliers }
    g.output('result', format.linear(g, g.input('x', 'f32', ['M', columns]), layer), 'f32', ['M', rows])
    return run(g, { x: new Tensor('float32', x, [1, columns]) })
  }
  const exact = await error(fp32Format, false)
  expect(rmsError(await error(int8Format, false), exact)).toBeGreaterThan(0.5)
  expect(rmsError(await error(int8Format, true), exact)).toBeLessThan(0.05)
})

test('an int8 layer for outliers gives a row the same to the bit, whatever rows are beside it', async () => {
  const [rows, columns, batch] = [48, 256, 9]
  const weight = noise(rows * columns, 7)
  const x = noise(batch * columns, 8)
  for (const row of [1, 4, 5]) x[row * columns + row] = 300
  const g = new GraphBuilder('linear')
  const layer = { weight: matrixOf('w', rows, columns, weight), bias: null, outliers: true }
  g.output('result', int8Format.linear(g, g.input('x', 'f32', ['M', columns]), layer), 'f32', ['M', rows])
  const product = (inputs: Float32Array) =>
    run(g, { x: new Tensor('float32', inputs, [inputs.length / columns, columns]) })
  const together = await product(x)
  for (let row = 0; row < batch; row += 1) {
    const alone = await product(x.slice(row * columns, (row + 1) * columns))
    expect(alone).toEqual(together.slice(row * rows, (row + 1) * rows))
  }
})

test('a transpose in many stripes equals the plain one', async () => {
  const [rows, columns] = [131, 77]
  const values = noise(rows * columns, 7)
  const written = new Float32Array(rows * columns)
  let stripes = 0
  await writeTransposed(
    matrixOf('w', rows, columns, values),
    (length) => new Float32Array(length),
    (block) => block.values,
    async (offset, bytes) => {
      written.set(new Float32Array(bytes.slice().buffer), offset / 4)
      stripes += 1
    },
    10 * rows * 4,
  )
  expect(stripes).toBe(8)
  values.forEach((value, i) => {
    expect(written[(i % columns) * rows + Math.floor(i / columns)]).toBe(value)
  })
})

test('rounding to halves equals the platform’s own, and refuses what does not fit', () => {
  const edges = [
    0,
    -0,
    1,
    65_504,
    65_519.99,
    2 ** -14,
    2 ** -24,
    2 ** -25,
    3 * 2 ** -25,
    2 ** -26,
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
  ]
  const values = Float32Array.from([
    ...edges,
    ...edges.map((x) => -x),
    ...noise(5000, 8),
    ...noise(5000, 9).map((x) => x ** 9),
  ])
  expect(toHalves(values, 't')).toEqual(new Uint16Array(new Float16Array(values).buffer))
  expect(() => toHalves(Float32Array.of(65_520), 'w')).toThrow('w: 65520 does not fit fp16')
})

test('nearest rounds ties to even', () => {
  expect([-2.5, -1.5, -0.4, 0.5, 1.5, 2.4, 126.5].map(nearest)).toEqual([-2, -2, 0, 0, 2, 2, 126])
})
