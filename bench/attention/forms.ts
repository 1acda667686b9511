import assert from 'node:assert/strict'
import { decodeAttention, decodeStep } from '../../backend/convert/graphs/decode-attention.ts'
import { encodeModel } from '../../backend/convert/onnx/encode-model.ts'
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

/** As the decoder of the CPU has it: scores over the cache and over the new token, one softmax over both. */
export const writtenOut: AttentionForm = ({ layers, heads, kvHeads, headSize }) => {
  const g = new GraphBuilder('written-out')
  const x = g.input('query', 'f32', ['B', 'S', heads * headSize])
  const key = g.input('key', 'f32', ['B', 'S', kvHeads * headSize])
  const rows = g.input('rows', 'i64', ['B', 'S'])
  const totals = g.input('seqlens_k', 'i32', ['B'])
  const past = Array.from({ length: layers }, (_, layer) => ({
    pastKey: g.input(`past_key.${layer}`, 'f32', ['B', kvHeads, 'C', headSize]),
    pastValue: g.input(`past_value.${layer}`, 'f32', ['B', kvHeads, 'C', headSize]),
  }))
  const [first] = past
  assert(first)
  const longest = g.input('total_sequence_length', 'i32', [])
  const { pastKey } = first
  const { visible } = decodeStep(g, { rotaryRows: rows, pastKey, totalMinusOne: totals, maxTotal: longest })
  let query = x
  for (const cache of past) {
    query = decodeAttention(g, { heads, kvHeads, headSize }, { query, key, value: key, ...cache, visible })
  }
  g.output('out', query, 'f32', ['B', 'S', heads * headSize])
  return encodeModel(g.build().graph, { name: 'bench', version: '1' })
}
