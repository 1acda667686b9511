import { type Matrix, rowBlocks } from '../checkpoint/matrix.ts'
import type { Value } from '../onnx/graph.ts'
import type { GraphBuilder } from '../onnx/graph-builder.ts'
import { bytesOf, writeTransposed } from './transpose.ts'
import type { WeightFormat } from './weight-format.ts'

/** Every weight in f32, exactly as the source has it. */
export const fp32Format: WeightFormat = {
  linear(g, x, { weight, bias }) {
    const { rows, columns } = weight
    const transposed = g.weight(weight.name, 'f32', [columns, rows], (put) =>
      writeTransposed(
        weight,
        (length) => new Float32Array(length),
        ({ values }) => values,
        put,
      ),
    )
    return bias === null
      ? g.op('MatMul', [x, transposed])
      : g.op('Gemm', [x, transposed, floatWeights(g, bias, [rows])])
  },
  embedding(g, ids, table) {
    return g.op('Gather', [floatWeights(g, table, [table.rows, table.columns]), ids])
  },
}

/** A tensor as it stands, in f32, under the dimensions given: norms, biases, tables. */
export function floatWeights(g: GraphBuilder, matrix: Matrix, dims: readonly number[]): Value {
  return g.weight(matrix.name, 'f32', dims, async (put) => {
    for await (const { first, values } of rowBlocks(matrix)) {
      await put(first * matrix.columns * values.BYTES_PER_ELEMENT, bytesOf(values))
    }
  })
}
