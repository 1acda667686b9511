import assert from 'node:assert/strict'
import { encodeModel } from '../../backend/convert/onnx/encode-model.ts'
import type { Value } from '../../backend/convert/onnx/graph.ts'
import { GraphBuilder } from '../../backend/convert/onnx/graph-builder.ts'

export interface AttentionShape {
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
}

/** Layers of nothing but attention over a cache the caller owns, as an ONNX model. */
export type AttentionForm = (shape: AttentionShape) => Uint8Array

/** One operator; the whole present cache is computed and dropped. */
export const grouped: AttentionForm = ({ layers, heads, kvHeads, headSize }) => {
  const g = new GraphBuilder('grouped')
  const x = g.input('query', 'f32', ['B', 'S', heads * headSize])
  const key = g.input('key', 'f32', ['B', 'S', kvHeads * headSize])
  const totals = g.input('seqlens_k', 'i32', ['B'])
  const longest = g.input('total_sequence_length', 'i32', [])
  let query = x
  for (let layer = 0; layer < layers; layer++) {
    const past = ['past_key', 'past_value'].map((name) =>
      g.input(`${name}.${layer}`, 'f32', ['B', kvHeads, 'C', headSize]),
    )
    const [out] = g.node(
      'GroupQueryAttention',
      [query, key, key, ...past, totals, longest],
      [true, true, true],
      {
        domain: 'com.microsoft',
        attributes: { num_heads: heads, kv_num_heads: kvHeads, scale: { float: headSize ** -0.5 } },
      },
    )
    assert(out)
    query = out
  }
  g.output('out', query, 'f32', ['B', 'S', heads * headSize])
  return encodeModel(g.build().graph, { name: 'bench', version: '1' })
}

/** Scores over the past (keys stored transposed) and over the new token, one softmax over both; decode only. */
export const split: AttentionForm = ({ layers, heads, kvHeads, headSize }) => {
  const g = new GraphBuilder('split')
  const x = g.input('query', 'f32', ['B', 'S', heads * headSize])
  const key = g.input('key', 'f32', ['B', 'S', kvHeads * headSize])
  const mask = g.input('mask', 'f32', ['B', 1, 1, 'C + 1'])
  const shape = (value: Value, dims: readonly number[]) => g.op('Reshape', [value, g.constant('i64', dims)])
  const total = g.op('Shape', [mask], { attributes: { start: 3, end: 4 } })
  const one = g.constant('i64', [1])
  const sizes = g.op('Concat', [g.op('Sub', [total, one]), one], { attributes: { axis: 0 } })
  const [newKey, newValue] = [shape(key, [0, kvHeads, headSize, 1]), shape(key, [0, kvHeads, 1, headSize])]
  let query = x
  for (let layer = 0; layer < layers; layer++) {
    const pastKey = g.input(`past_key.${layer}`, 'f32', ['B', kvHeads, headSize, 'C'])
    const pastValue = g.input(`past_value.${layer}`, 'f32', ['B', kvHeads, 'C', headSize])
    const grouped = shape(query, [0, kvHeads, heads / kvHeads, headSize])
    const scaled = g.op('Mul', [grouped, g.constant('f32', [headSize ** -0.5], [])])
    const both = [g.op('MatMul', [scaled, pastKey]), g.op('MatMul', [scaled, newKey])]
    const scores = g.op('Add', [g.op('Concat', both, { attributes: { axis: -1 } }), mask])
    const weights = g.op('Softmax', [scores], { attributes: { axis: -1 } })
    const [old, fresh] = g.ops('Split', [weights, sizes], 2, { attributes: { axis: -1 } })
    assert(old && fresh)
    const attended = g.op('Add', [g.op('MatMul', [old, pastValue]), g.op('MatMul', [fresh, newValue])])
    query = shape(attended, [0, 1, heads * headSize])
  }
  g.output('out', query, 'f32', ['B', 'S', heads * headSize])
  return encodeModel(g.build().graph, { name: 'bench', version: '1' })
}
