import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildGraphs, graphForms } from '../../../backend/convert/build-graphs.ts'
import type { Matrix } from '../../../backend/convert/checkpoint/matrix.ts'
import type { ElementType, Graph } from '../../../backend/convert/onnx/graph.ts'
import { weightFormats } from '../../../backend/convert/weights/weight-formats.ts'
import { readModelConfig } from '../../../backend/model/read-model-config.ts'

/**
 * Types of an operator's first input for which ONNX Runtime has a CUDA kernel, as its docs/OperatorKernels.md lists them;
 * of them those we may meet. What computes shapes runs on the CPU by the runtime's own choice.
 */
const cudaKernels: Readonly<Record<string, readonly ElementType[]>> = {
  Add: ['f32', 'f16'],
  Cast: ['f32', 'f16', 'i8'],
  Concat: ['f32', 'f16', 'i64'],
  Expand: ['f32', 'f16'],
  Gather: ['f32', 'f16', 'i8'],
  Gelu: ['f32', 'f16'],
  Gemm: ['f32', 'f16'],
  GroupQueryAttention: ['f16'],
  LayerNormalization: ['f32', 'f16'],
  MatMul: ['f32', 'f16'],
  MatMulNBits: ['f32', 'f16'],
  Mul: ['f32', 'f16'],
  MultiHeadAttention: ['f32', 'f16'],
  QuickGelu: ['f32', 'f16'],
  Reshape: ['f32', 'f16'],
  RotaryEmbedding: ['f32', 'f16'],
  ScatterElements: ['f32', 'f16'],
  Shape: ['f32', 'f16', 'i64'],
  SimplifiedLayerNormalization: ['f32', 'f16'],
  SkipSimplifiedLayerNormalization: ['f32', 'f16'],
  Split: ['f32', 'f16'],
}

/** Every value's type, followed from the graph's inputs: operators keep it, but for Cast and Shape. */
function firstInputTypes({ inputs, initializers, nodes }: Graph) {
  const types = new Map<string, ElementType>()
  for (const { name, type } of [...inputs, ...initializers]) types.set(name, type)
  return nodes.map((node) => {
    const type = types.get(node.inputs[0] ?? '')
    const made = {
      Shape: 'i64' as const,
      Cast: node.attributes['to'] === 10 ? ('f16' as const) : ('f32' as const),
    }
    const result = node.opType === 'Shape' || node.opType === 'Cast' ? made[node.opType] : type
    for (const output of node.outputs) if (output !== null && result !== undefined) types.set(output, result)
    return { node, type }
  })
}

const shapesOnly = {
  matrix(name: string, shape: readonly number[]): Matrix {
    const [rows = 1, ...rest] = shape
    const columns = rest.reduce((product, size) => product * size, 1)
    return { name, rows, columns, read: () => Promise.reject(new Error('shapes only')) }
  },
}

test.each(['glm4v-random', 'glm-ocr-random'])(
  'every node of %s for CUDA has a kernel there',
  async (name) => {
    const config = await readModelConfig(join(import.meta.dirname, '../../fixtures', name))
    for (const dtype of ['fp16', 'int4'] as const) {
      const formats = weightFormats(dtype, 'cuda')
      const { vision, embed, decoder } = buildGraphs(config, shapesOnly, formats, graphForms.cuda)
      for (const { graph } of [vision, embed, decoder]) {
        for (const { node, type } of firstInputTypes(graph)) {
          expect(cudaKernels[node.opType], `${dtype} ${node.name} reads ${type}`).toContain(type)
        }
      }
    }
  },
)
