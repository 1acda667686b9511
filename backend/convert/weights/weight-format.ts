import type { Matrix } from '../checkpoint/matrix.ts'
import type { Value } from '../onnx/graph.ts'
import type { GraphBuilder } from '../onnx/graph-builder.ts'

/** How a conversion stores large weights and multiplies with them. Everything else is f32. */
export interface WeightFormat {
  /** x · weightᵀ + bias: x f32 [M, columns], weight [rows, columns], result f32 [M, rows]. */
  linear(g: GraphBuilder, x: Value, layer: Linear): Value
  /** Rows of a table by i64 index: f32 [S, columns]. */
  embedding(g: GraphBuilder, ids: Value, table: Matrix): Value
}

interface Linear {
  readonly weight: Matrix
  /** A vector of `weight.rows`, or null. */
  readonly bias: Matrix | null
  /**
   * A row of the input may hold a few values far above the rest (gated products, the merger, the LM head): one
   * 8-bit scale for the row would lose the rest, and a format that rounds activations has to spend more on it.
   */
  readonly outliers: boolean
}
