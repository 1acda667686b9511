import assert from 'node:assert/strict'
import { visionGraph } from '../../model/graphs.ts'
import type { VisionConfig } from '../../model/model-config.ts'
import { type Matrix, permuteColumns } from '../checkpoint/matrix.ts'
import type { Value } from '../onnx/graph.ts'
import { type BuiltGraph, GraphBuilder } from '../onnx/graph-builder.ts'
import type { WeightFormat } from '../weights/weight-format.ts'
import { addRmsNorm, gatedMlp, layerNorm, reshape, rmsNorm, rotate, split } from './layers.ts'
import type { Tensors } from './tensors.ts'

/** Where the two architectures' vision encoders differ. */
export interface VisionVariant {
  /** What happens between the patch embedding and the first block, rows [N, hidden]. */
  afterPatchEmbedding(g: GraphBuilder, x: Value): Value
  /** What happens to the queries and keys of a block before they rotate, rows [N, hidden]. */
  normHeads(g: GraphBuilder, x: Value, block: Tensors, which: 'q_norm' | 'k_norm'): Value
}

interface VisionContext {
  readonly config: VisionConfig
  /** Tensors under `model.visual.` */
  readonly visual: Tensors
  readonly format: WeightFormat
  readonly variant: (g: GraphBuilder) => VisionVariant
  /** Written out instead of the fused operator, which is wrong on some devices (docs/adr/0021). */
  readonly plainAttention: boolean
}

/** LayerNorm inside the merger has the framework's default, whatever the configuration says of RMSNorm. */
const mergerNormEps = 1e-5

/** The vision encoder: one picture's patches to one feature row per merge block. */
export function buildVisionEncoder(context: VisionContext): BuiltGraph {
  const { config, visual, format } = context
  const g = new GraphBuilder('vision')
  const { channels, temporalPatchSize, patchSize, hiddenSize } = config
  const kernel = [channels, temporalPatchSize, patchSize, patchSize]
  const pixels = g.input(visionGraph.inputs.pixels, 'f32', ['N', kernel.reduce((a, b) => a * b)])
  const angles = ['N', config.headSize / 2]
  const cos = g.input(visionGraph.inputs.rotaryCos, 'f32', angles)
  const sin = g.input(visionGraph.inputs.rotarySin, 'f32', angles)
  const variant = context.variant(g)

  // A convolution whose kernel is its stride is one product per patch.
  const patchWeight = visual.weight('patch_embed.proj', [hiddenSize, ...kernel])
  const embedded = format.linear(g, pixels, {
    weight: patchWeight,
    bias: visual.bias('patch_embed.proj', hiddenSize),
    outliers: false,
  })
  let residual = variant.afterPatchEmbedding(g, embedded)
  const norm = (from: Tensors, name: string) => from.weight(name, [hiddenSize])
  const blocks = Array.from({ length: config.depth }, (_, i) => visual.under(`blocks.${i}`))
  const [firstBlock] = blocks
  assert(firstBlock, 'a vision encoder has blocks')
  let normed = rmsNorm(g, residual, norm(firstBlock, 'norm1'), config.rmsNormEps)
  for (const [i, block] of blocks.entries()) {
    const attended = attention(g, { ...context, block, variant, cos, sin, x: normed })
    const middle = addRmsNorm(g, attended, residual, norm(block, 'norm2'), config.rmsNormEps)
    const output = gatedMlp(g, format, middle.normed, mlpWeights(block, config))
    const next = blocks[i + 1]
    const nextNorm = next ? norm(next, 'norm1') : norm(visual, 'post_layernorm')
    ;({ normed, sum: residual } = addRmsNorm(g, output, middle.sum, nextNorm, config.rmsNormEps))
  }
  const features = merge(g, context, normed)
  g.output(visionGraph.outputs.features, features, 'f32', ['N / 4', config.outHiddenSize])
  return g.build()
}

interface BlockContext extends Omit<VisionContext, 'variant'> {
  readonly block: Tensors
  readonly variant: VisionVariant
  readonly cos: Value
  readonly sin: Value
  readonly x: Value
}

/** Full attention among the picture's patches, with its output projection. */
function attention(g: GraphBuilder, context: BlockContext): Value {
  const { config, block, format, variant, plainAttention, cos, sin, x } = context
  const { hiddenSize, heads, headSize, attentionBias } = config
  const weight = block.weight('attn.qkv', [3 * hiddenSize, hiddenSize])
  const bias = block.bias('attn.qkv', 3 * hiddenSize, attentionBias)
  const all = format.linear(g, x, { weight, bias, outliers: false })
  const [query, key, value] = split(g, all, [hiddenSize, hiddenSize, hiddenSize])
  assert(query && key && value, 'the projection is query, key and value')

  const sequence = [1, -1, hiddenSize]
  // A single offset instead of positions: patch n takes row n of the angles.
  const rotary = { cos, sin, rows: g.constant('i64', [0]), heads, rotaryDim: headSize, interleaved: false }
  const heading = (rows: Value, which: 'q_norm' | 'k_norm') =>
    rotate(g, reshape(g, variant.normHeads(g, rows, block, which), sequence), rotary)
  const qkv = [heading(query, 'q_norm'), heading(key, 'k_norm'), reshape(g, value, sequence)] as const
  const attended = plainAttention
    ? attendPlainly(g, qkv, { heads, headSize })
    : g.op('MultiHeadAttention', qkv, {
        domain: 'com.microsoft',
        attributes: { num_heads: heads, scale: { float: headSize ** -0.5 } },
      })
  return format.linear(g, reshape(g, attended, [-1, hiddenSize]), {
    weight: block.weight('attn.proj', [hiddenSize, hiddenSize]),
    bias: block.bias('attn.proj', hiddenSize, attentionBias),
    outliers: false,
  })
}

/** The same in products of matrices: a picture of N patches takes N² numbers a head. */
function attendPlainly(
  g: GraphBuilder,
  [query, key, value]: readonly [Value, Value, Value],
  { heads, headSize }: Pick<VisionConfig, 'heads' | 'headSize'>,
): Value {
  const headsFirst = (x: Value, perm: readonly number[]) =>
    g.op('Transpose', [reshape(g, x, [1, -1, heads, headSize])], { attributes: { perm } })
  const scale = g.constant('f32', [headSize ** -0.5], [])
  const scaled = g.op('Mul', [headsFirst(query, [0, 2, 1, 3]), scale])
  const scores = g.op('MatMul', [scaled, headsFirst(key, [0, 2, 3, 1])])
  const weights = g.op('Softmax', [scores], { attributes: { axis: -1 } })
  const attended = g.op('MatMul', [weights, headsFirst(value, [0, 2, 1, 3])])
  return g.op('Transpose', [attended], { attributes: { perm: [0, 2, 1, 3] } })
}

function mlpWeights(block: Tensors, { hiddenSize, mlpSize, attentionBias }: VisionConfig) {
  const parts = [
    { name: 'mlp.gate_proj', rows: mlpSize },
    { name: 'mlp.up_proj', rows: mlpSize },
  ]
  return {
    gateUp: block.stackedWeight(parts, hiddenSize),
    gateUpBias: block.stackedBias(parts, attentionBias),
    down: block.weight('mlp.down_proj', [hiddenSize, mlpSize]),
    downBias: block.bias('mlp.down_proj', hiddenSize, attentionBias),
    outliers: false,
  }
}

/** Downsampling of each merge block to one row, then the merger's projection and gated MLP. */
function merge(g: GraphBuilder, { config, visual, format }: VisionContext, x: Value): Value {
  const { hiddenSize, mergeSize, outHiddenSize: width, mergerSize } = config
  const kernel = visual.weight('downsample', [width, hiddenSize, mergeSize, mergeSize])
  const blocks = reshape(g, x, [-1, mergeSize * mergeSize * hiddenSize])
  const weight = channelsLast(kernel, hiddenSize, mergeSize * mergeSize)
  const bias = visual.bias('downsample', width)
  const downsampled = format.linear(g, blocks, { weight, bias, outliers: true })

  const merger = visual.under('merger')
  const projection = merger.weight('proj', [width, width])
  const projected = format.linear(g, downsampled, { weight: projection, bias: null, outliers: true })
  const normWeight = merger.weight('post_projection_norm', [width])
  const normBias = merger.bias('post_projection_norm', width)
  assert(normBias, 'a LayerNorm has a bias')
  const normed = layerNorm(g, projected, normWeight, normBias, mergerNormEps)
  const activated = g.op('Gelu', [normed], { attributes: { approximate: 'none' } })
  const parts = [
    { name: 'gate_proj', rows: mergerSize },
    { name: 'up_proj', rows: mergerSize },
  ]
  return gatedMlp(g, format, activated, {
    gateUp: merger.stackedWeight(parts, width),
    gateUpBias: null,
    down: merger.weight('down_proj', [width, mergerSize]),
    downBias: null,
    outliers: true,
  })
}

/** A convolution kernel's columns from [channels, places] to [places, channels]: the order of concatenated patches. */
function channelsLast(kernel: Matrix, channels: number, places: number) {
  const order = Int32Array.from(
    { length: kernel.columns },
    (_, column) => (column % channels) * places + Math.floor(column / channels),
  )
  return permuteColumns(kernel, order)
}
