import type { Matrix } from '../checkpoint/matrix.ts'
import type { Value } from '../onnx/graph.ts'
import type { GraphBuilder } from '../onnx/graph-builder.ts'

/** How a conversion stores its large weights and multiplies with them. Everything else is f32. */
export interface WeightFormat {
  /** x · weightᵀ + bias: x f32 [M, columns], weight [rows, columns], result f32 [M, rows]. */
  linear(g: GraphBuilder, x: Value, weight: Matrix, bias: Matrix | null): Value
  /** Rows of a table by i64 index: f32 [S, columns]. */
  embedding(g: GraphBuilder, ids: Value, table: Matrix): Value
}
