import assert from 'node:assert/strict'
import { decoderGraph } from '../../model/graphs.ts'
import type { TextConfig } from '../../model/model-config.ts'
import type { Matrix } from '../checkpoint/matrix.ts'
import { elementTypes, type Value } from '../onnx/graph.ts'
import { type BuiltGraph, GraphBuilder } from '../onnx/graph-builder.ts'
import type { WeightFormat } from '../weights/weight-format.ts'
import type { WeightFormats } from '../weights/weight-formats.ts'
import { type DecodeStep, decodeAttention, decodeStep } from './decode-attention.ts'
import { addRmsNorm, gatedMlp, reshape, rmsNorm, rotate, split } from './layers.ts'
import type { Tensors } from './tensors.ts'

/** How a device wants its attention. */
export interface AttentionForm {
  /** Who keeps the cache between steps: the runtime, in memory, or the device, as the outputs of the last step. */
  readonly cacheHome: 'host' | 'device'
  /** What attention computes in; the cache and all that surrounds it are f32. */
  readonly attentionType: 'f32' | 'f16'
  /** Steps of one token a row have their attention written out (docs/adr/0023). */
  readonly decodeApart: boolean
}

interface DecoderWeights {
  /** Tensors under `model.language_model.` */
  readonly model: Tensors
  readonly head: Matrix
}

/**
 * The text decoder of both architectures: sandwich norms, grouped-query attention over a cache the caller owns,
 * interleaved partial rotary, a gated MLP. Linear layers run over rows [B · S, width], attention over [B, S, width].
 */
export function buildTextDecoder(
  config: TextConfig,
  weights: DecoderWeights,
  formats: Pick<WeightFormats, 'layers' | 'head'>,
  form: AttentionForm,
): BuiltGraph {
  const format = formats.layers
  const g = new GraphBuilder('decoder')
  const inputs = decoderInputs(g, config)
  const [past] = inputs.past
  assert(past, 'a decoder has layers')
  const step = form.decodeApart ? decodeStep(g, { ...inputs, pastKey: past.key }) : null
  const norm = (name: string, from = weights.model) => from.weight(name, [config.hiddenSize])
  const eps = config.rmsNormEps

  const layers = Array.from({ length: config.layers }, (_, i) => weights.model.under(`layers.${i}`))
  const [firstLayer] = layers
  assert(firstLayer, 'a decoder has layers')
  let residual = reshape(g, inputs.embeddings, [-1, config.hiddenSize])
  let normed = rmsNorm(g, residual, norm('input_layernorm', firstLayer), eps)
  for (const [i, layer] of layers.entries()) {
    let attended = attention(g, config, { layer, index: i, format, inputs, step, form, x: normed })
    if (i === layers.length - 1) {
      // Past the last cache entry, only the rows that get logits matter.
      attended = g.op('Gather', [attended, inputs.logitRows])
      residual = g.op('Gather', [residual, inputs.logitRows])
    }
    const projection = layer.weight('self_attn.o_proj', [config.hiddenSize, config.heads * config.headSize])
    const projected = format.linear(g, attended, { weight: projection, bias: null, outliers: false })
    const afterAttention = rmsNorm(g, projected, norm('post_self_attn_layernorm', layer), eps)
    const middle = addRmsNorm(g, afterAttention, residual, norm('post_attention_layernorm', layer), eps)
    const output = gatedMlp(g, format, middle.normed, mlpWeights(layer, config))
    const afterMlp = rmsNorm(g, output, norm('post_mlp_layernorm', layer), eps)
    const next = layers[i + 1]
    const nextNorm = next ? norm('input_layernorm', next) : norm('norm')
    ;({ normed, sum: residual } = addRmsNorm(g, afterMlp, middle.sum, nextNorm, eps))
  }
  const logits = formats.head.linear(g, normed, { weight: weights.head, bias: null, outliers: true })
  g.output(decoderGraph.outputs.logits, logits, 'f32', ['R', config.vocabSize])
  return g.build()
}

type Inputs = ReturnType<typeof decoderInputs>

function decoderInputs(g: GraphBuilder, config: TextConfig) {
  const names = decoderGraph.inputs
  const angles = ['B * S', config.rope.rotaryDim / 2]
  const inputs = {
    embeddings: g.input(names.embeddings, 'f32', ['B', 'S', config.hiddenSize]),
    rotaryCos: g.input(names.rotaryCos, 'f32', angles),
    rotarySin: g.input(names.rotarySin, 'f32', angles),
    rotaryRows: g.input(names.rotaryRows, 'i64', ['B', 'S']),
    logitRows: g.input(names.logitRows, 'i64', ['R']),
    totalMinusOne: g.input(names.totalMinusOne, 'i32', ['B']),
    maxTotal: g.input(names.maxTotal, 'i32', []),
    past: Array.from({ length: config.layers }, (_, layer) => ({
      key: g.input(names.pastKey(layer), 'f32', pastDims(config)),
      value: g.input(names.pastValue(layer), 'f32', pastDims(config)),
    })),
  }
  // [B, S, −1]: turns rows back into sequences.
  const sequenceShape = g.op('Concat', [g.op('Shape', [inputs.rotaryRows]), g.constant('i64', [-1])], {
    attributes: { axis: 0 },
  })
  return { ...inputs, sequenceShape }
}

function pastDims({ kvHeads, headSize }: TextConfig) {
  return ['B', kvHeads, 'C', headSize]
}

interface AttentionContext {
  readonly layer: Tensors
  readonly index: number
  readonly format: WeightFormat
  readonly inputs: Inputs
  /** null: one form of attention for all steps. */
  readonly step: DecodeStep | null
  readonly form: AttentionForm
  readonly x: Value
}

/** Everything of attention before its output projection: f32 [B · S, heads · d]. Exposes the layer's new cache rows. */
function attention(
  g: GraphBuilder,
  config: TextConfig,
  { layer, index, format, inputs, step, form, x }: AttentionContext,
): Value {
  const { heads, kvHeads, headSize, rope } = config
  const [queryWidth, keyWidth] = [heads * headSize, kvHeads * headSize]
  const parts = [
    { name: 'self_attn.q_proj', rows: queryWidth },
    { name: 'self_attn.k_proj', rows: keyWidth },
    { name: 'self_attn.v_proj', rows: keyWidth },
  ]
  const weight = layer.stackedWeight(parts, config.hiddenSize)
  const bias = layer.stackedBias(parts, config.attentionBias)
  const rows = format.linear(g, x, { weight, bias, outliers: false })
  const sequences = g.op('Reshape', [rows, inputs.sequenceShape])
  const [query, key, value] = split(g, sequences, [queryWidth, keyWidth, keyWidth])
  assert(query && key && value, 'the projection is query, key and value')

  const angles = { cos: inputs.rotaryCos, sin: inputs.rotarySin, rows: inputs.rotaryRows }
  const rotary = { ...angles, rotaryDim: rope.rotaryDim, interleaved: true }
  const rotatedQuery = rotate(g, query, { ...rotary, heads })
  const rotatedKey = rotate(g, key, { ...rotary, heads: kvHeads })
  const past = inputs.past[index]
  assert(past, 'every layer has a cache')
  if (form.cacheHome === 'host') {
    g.output(decoderGraph.outputs.newKey(index), rotatedKey, 'f32', ['B', 'S', keyWidth])
    g.output(decoderGraph.outputs.newValue(index), value, 'f32', ['B', 'S', keyWidth])
  }
  const rowsOf = { query: rotatedQuery, key: rotatedKey, value, pastKey: past.key, pastValue: past.value }
  const grouped = () => groupedAttention(g, config, { index, inputs, form, ...rowsOf })
  const attended =
    step === null
      ? grouped()
      : g.either(step.pays, () => decodeAttention(g, config, { ...rowsOf, visible: step.visible }), grouped)
  return reshape(g, attended, [-1, queryWidth])
}

interface GroupedAttention extends Pick<AttentionContext, 'index' | 'inputs' | 'form'> {
  readonly query: Value
  readonly key: Value
  readonly value: Value
  readonly pastKey: Value
  readonly pastValue: Value
}

/** The fused operator, f32 [B, S, heads · d]. */
function groupedAttention(
  g: GraphBuilder,
  config: TextConfig,
  { index, inputs, form, query, key, value, pastKey, pastValue }: GroupedAttention,
): Value {
  const { heads, kvHeads, headSize } = config
  const cast = (value: Value, type: 'f32' | 'f16') =>
    form.attentionType === 'f32'
      ? value
      : g.op('Cast', [value], { attributes: { to: elementTypes[type].code } })
  const read = [query, key, value, pastKey, pastValue].map((input) => cast(input, 'f16'))
  const [attended, presentKey, presentValue] = g.node(
    'GroupQueryAttention',
    [...read, inputs.totalMinusOne, inputs.maxTotal],
    [true, true, true],
    {
      domain: 'com.microsoft',
      attributes: { num_heads: heads, kv_num_heads: kvHeads, scale: { float: headSize ** -0.5 } },
    },
  )
  assert(attended && presentKey && presentValue, 'all three outputs are wanted')
  if (form.cacheHome === 'device') {
    g.output(decoderGraph.outputs.presentKey(index), presentKey, 'f32', pastDims(config))
    g.output(decoderGraph.outputs.presentValue(index), presentValue, 'f32', pastDims(config))
  }
  // On the host the present cache is computed and dropped: fetching it would copy the whole cache.
  return cast(attended, 'f32')
}

function mlpWeights(layer: Tensors, { hiddenSize, intermediateSize }: TextConfig) {
  return {
    gateUp: layer.weight('mlp.gate_up_proj', [2 * intermediateSize, hiddenSize]),
    gateUpBias: null,
    down: layer.weight('mlp.down_proj', [hiddenSize, intermediateSize]),
    downBias: null,
    outliers: false,
  }
}
