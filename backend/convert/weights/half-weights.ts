import { ModelFolderError } from '../../model/model-folder-error.ts'
import { rowBlocks } from '../checkpoint/matrix.ts'
import { elementTypes, type Value } from '../onnx/graph.ts'
import type { GraphBuilder } from '../onnx/graph-builder.ts'
import { floatWeights } from './float-weights.ts'
import { nearest } from './nearest.ts'
import { bytesOf, writeTransposed } from './transpose.ts'
import type { WeightFormat } from './weight-format.ts'

/**
 * Large weights stored in half precision, arithmetic in f32. x86 processors have no half-precision product, and the
 * runtime would widen every weight at every step; these casts have constant inputs, so it does them once, at load.
 */
export const halfFormat: WeightFormat = {
  linear(g, x, { weight, bias }) {
    const { rows, columns, name } = weight
    const transposed = g.weight(name, 'f16', [columns, rows], (put) =>
      writeTransposed(
        weight,
        (length) => new Uint16Array(length),
        ({ values }) => toHalves(values, name),
        put,
      ),
    )
    const product = [x, toFloat(g, transposed)]
    return bias === null ? g.op('MatMul', product) : g.op('Gemm', [...product, floatWeights(g, bias, [rows])])
  },
  embedding(g, ids, table) {
    const halves = g.weight(table.name, 'f16', [table.rows, table.columns], async (put) => {
      for await (const { first, values } of rowBlocks(table)) {
        await put(first * table.columns * 2, bytesOf(toHalves(values, table.name)))
      }
    })
    // Rows are widened after they are picked: the table stays small in memory.
    return toFloat(g, g.op('Gather', [halves, ids]))
  },
}

function toFloat(g: GraphBuilder, value: Value) {
  return g.op('Cast', [value], { attributes: { to: elementTypes.f32.code } })
}

/**
 * Rounds to half precision, to nearest, ties to even.
 * @throws ModelFolderError for values beyond its range (65,504), which would become infinite.
 */
export function toHalves(values: Float32Array, tensor: string): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const halves = new Uint16Array(values.length)
  for (let i = 0; i < bits.length; i += 1) {
    const word = bits[i] ?? 0
    const sign = (word >>> 16) & 0x8000
    const magnitude = word & 0x7fffffff
    let half: number
    if (magnitude >= 0x477ff000) {
      throw new ModelFolderError(tensor, `${values[i]} does not fit fp16; convert with another --dtype`)
    } else if (magnitude >= 0x38800000) {
      // Normal: rebias the exponent by 112, round away the lower 13 bits.
      half = (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13
    } else {
      // Subnormal: a whole multiple of 2^−24.
      half = nearest(Math.abs(values[i] ?? 0) * 2 ** 24)
    }
    halves[i] = sign | half
  }
  return halves
}
