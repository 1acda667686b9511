import assert from 'node:assert/strict'
import type { Matrix } from '../checkpoint/matrix.ts'
import type { Value } from '../onnx/graph.ts'
import type { GraphBuilder } from '../onnx/graph-builder.ts'
import { floatWeights } from '../weights/float-weights.ts'
import type { WeightFormat } from '../weights/weight-format.ts'

const microsoft = 'com.microsoft'

/** RMSNorm over the last axis. */
export function rmsNorm(g: GraphBuilder, x: Value, weight: Matrix, epsilon: number): Value {
  return g.op('SimplifiedLayerNormalization', [x, floatWeights(g, weight, [weight.rows])], {
    attributes: { axis: -1, epsilon: { float: epsilon } },
  })
}

/** `sum = x + residual` and `normed = rmsNorm(sum)`, in one node. */
export function addRmsNorm(g: GraphBuilder, x: Value, residual: Value, weight: Matrix, epsilon: number) {
  const [normed, , , sum] = g.node(
    'SkipSimplifiedLayerNormalization',
    [x, residual, floatWeights(g, weight, [weight.rows])],
    [true, false, false, true],
    { domain: microsoft, attributes: { epsilon: { float: epsilon } } },
  )
  assert(normed && sum, 'both outputs are wanted')
  return { normed, sum }
}

/** LayerNorm with bias over the last axis. */
export function layerNorm(g: GraphBuilder, x: Value, weight: Matrix, bias: Matrix, epsilon: number): Value {
  const inputs = [x, floatWeights(g, weight, [weight.rows]), floatWeights(g, bias, [bias.rows])]
  return g.op('LayerNormalization', inputs, { attributes: { axis: -1, epsilon: { float: epsilon } } })
}

interface RotaryOptions {
  /** Angles, f32 [rows, half of what rotates], and which row each position takes, i64 [B, S]. */
  readonly cos: Value
  readonly sin: Value
  readonly rows: Value
  readonly heads: number
  readonly rotaryDim: number
  /** Pairs are neighbours (2j, 2j + 1) instead of halves (j, j + rotaryDim / 2). */
  readonly interleaved: boolean
}

/** Rotates the first `rotaryDim` dimensions of every head of x, f32 [B, S, heads · d]. */
export function rotate(g: GraphBuilder, x: Value, { cos, sin, rows, ...options }: RotaryOptions): Value {
  return g.op('RotaryEmbedding', [x, rows, cos, sin], {
    domain: microsoft,
    attributes: {
      interleaved: options.interleaved ? 1 : 0,
      num_heads: options.heads,
      rotary_embedding_dim: options.rotaryDim,
    },
  })
}

/** Consecutive pieces of the last axis. */
export function split(g: GraphBuilder, x: Value, sizes: readonly number[]): Value[] {
  return g.ops('Split', [x, g.constant('i64', sizes)], sizes.length, { attributes: { axis: -1 } })
}

export function reshape(g: GraphBuilder, x: Value, dims: readonly number[]): Value {
  return g.op('Reshape', [x, g.constant('i64', dims)])
}

interface GatedMlp {
  /** Gate rows above up rows: one product gives both. */
  readonly gateUp: Matrix
  readonly gateUpBias: Matrix | null
  readonly down: Matrix
  readonly downBias: Matrix | null
  /** Of the MLP's own input; see Linear. */
  readonly outliers: boolean
}

/** down(silu(gate(x)) · up(x)), x f32 [M, width]. */
export function gatedMlp(g: GraphBuilder, format: WeightFormat, x: Value, mlp: GatedMlp): Value {
  const both = format.linear(g, x, { weight: mlp.gateUp, bias: mlp.gateUpBias, outliers: mlp.outliers })
  const [gate, up] = split(g, both, [mlp.gateUp.rows / 2, mlp.gateUp.rows / 2])
  assert(gate && up, 'the product is gate and up')
  // With alpha 1, QuickGelu is silu in one pass.
  const activated = g.op('QuickGelu', [gate], { domain: microsoft, attributes: { alpha: { float: 1 } } })
  const product = g.op('Mul', [activated, up])
  // A product of two activations is where a model's largest values arise.
  return format.linear(g, product, { weight: mlp.down, bias: mlp.downBias, outliers: true })
}
