import assert from 'node:assert/strict'
import type { TextConfig } from '../../model/model-config.ts'
import { elementTypes, type Value } from '../onnx/graph.ts'
import type { GraphBuilder } from '../onnx/graph-builder.ts'
import { reshape } from './layers.ts'

/** What decode attention needs to know of a step: computed once for all layers. */
export interface DecodeStep {
  /** Whether it is the faster form for this step, bool [1]. */
  readonly pays: Value
  /** Which cache entries of each row mean something, bool [B, 1, 1, 1, C]. */
  readonly visible: Value
}

interface StepInputs {
  /** i64 [B, S], for its shape */
  readonly rotaryRows: Value
  /** Any layer's, f32 [B, kvHeads, C, d]. */
  readonly pastKey: Value
  /** i32 [B]: in a decode step, the row's entries in the cache. */
  readonly totalMinusOne: Value
  /** i32 scalar */
  readonly maxTotal: Value
}

/** Room per live entry beyond which the fused operator, which looks at live entries alone, is faster (bench/attention). */
const mostRoom = 2

export function decodeStep(g: GraphBuilder, inputs: StepInputs): DecodeStep {
  const { rotaryRows, pastKey, totalMinusOne, maxTotal } = inputs
  const size = (of: Value, axis: number) =>
    g.op('Squeeze', [g.op('Shape', [of], { attributes: { start: axis, end: axis + 1 } })])
  const scalar = (value: number) => g.constant('i64', [value], [])
  const wide = (value: Value) => g.op('Cast', [value], { attributes: { to: elementTypes.i64.code } })
  const capacity = size(pastKey, 2)
  const oneToken = g.op('Equal', [size(rotaryRows, 1), scalar(1)])
  const mostlyLive = g.op('LessOrEqual', [capacity, g.op('Mul', [wide(maxTotal), scalar(mostRoom)])])
  const entries = g.op('Range', [scalar(0), capacity, scalar(1)])
  return {
    pays: g.op('And', [oneToken, mostlyLive]),
    visible: g.op('Less', [entries, reshape(g, wide(totalMinusOne), [-1, 1, 1, 1, 1])]),
  }
}

interface DecodeAttention {
  /** Rotated, f32 [B, 1, heads · d], [B, 1, kvHeads · d] and [B, 1, kvHeads · d]. */
  readonly query: Value
  readonly key: Value
  readonly value: Value
  readonly pastKey: Value
  readonly pastValue: Value
  readonly visible: Value
}

/**
 * Attention of one new token a row, f32 [B, 1, heads · d]: scores over the cache and over the token itself, one softmax
 * over both. Reads the cache where it lies, once a head; every product is a vector times a matrix, which the runtime
 * multiplies without packing the matrix first. The fused operator copies the cache before it reads it (docs/adr/0023).
 */
export function decodeAttention(
  g: GraphBuilder,
  { heads, kvHeads, headSize }: Pick<TextConfig, 'heads' | 'kvHeads' | 'headSize'>,
  { query, key, value, pastKey, pastValue, visible }: DecodeAttention,
): Value {
  const scaled = g.op('Mul', [query, g.constant('f32', [headSize ** -0.5], [])])
  const queries = reshape(g, scaled, [0, kvHeads, heads / kvHeads, 1, headSize])
  const [newKey, newValue] = [key, value].map((rows) => reshape(g, rows, [0, kvHeads, 1, 1, headSize]))
  // The same entries for every query head of a group.
  const [keys, values] = [pastKey, pastValue].map((past) => g.op('Unsqueeze', [past, g.constant('i64', [2])]))
  assert(newKey && newValue && keys && values, 'a map keeps its length')
  const against = (other: Value) =>
    g.op('FusedMatMul', [queries, other], { domain: 'com.microsoft', attributes: { transB: 1 } })
  const hidden = g.constant('f32', [Number.NEGATIVE_INFINITY], [])
  const pastScores = g.op('Where', [visible, against(keys), hidden])
  const scores = g.op('Concat', [pastScores, against(newKey)], { attributes: { axis: -1 } })
  const weights = g.op('Softmax', [scores], { attributes: { axis: -1 } })
  const last = g.constant('i64', [-1])
  const slice = (from: Value, to: Value) => g.op('Slice', [weights, from, to, last])
  const pastWeights = slice(g.constant('i64', [0]), last)
  const newWeight = slice(last, g.constant('i64', [Number.MAX_SAFE_INTEGER]))
  const attended = g.op('Add', [g.op('MatMul', [pastWeights, values]), g.op('Mul', [newWeight, newValue])])
  return reshape(g, attended, [0, 1, heads * headSize])
}
