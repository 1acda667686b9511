import assert from 'node:assert/strict'
import {
  type Attribute,
  type Domain,
  type ElementType,
  elementTypes,
  type Graph,
  type GraphNode,
  type Initializer,
  type Value,
  type ValueInfo,
} from './graph.ts'

/** Weights start on page boundaries, so that the runtime can map the file instead of reading it. */
const weightAlignmentBytes = 4096

/** Tensors that are made from one source and written together: quantised values and their scales, say. */
export interface WeightGroup {
  /** The source tensor, for names and messages. */
  readonly source: string
  readonly parts: readonly { readonly type: ElementType; readonly dims: readonly number[] }[]
  /** Produces every byte of every part, in any order, once the graph is built. */
  write(put: PutWeights): Promise<void>
}

/** Puts `bytes` at an offset within a part. The bytes may be reused when it resolves. */
type PutWeights = (part: number, offset: number, bytes: Uint8Array) => Promise<void>

/** A weight group with its parts' places in the weight file. */
export interface PlacedWeights {
  readonly group: WeightGroup
  /** Per part, in bytes. */
  readonly places: readonly { readonly offset: number; readonly length: number }[]
}

export interface BuiltGraph {
  readonly graph: Graph
  /** Name of the weight file, beside the graph file. */
  readonly weightFile: string
  readonly weights: readonly PlacedWeights[]
  /** Size of the weight file; the gaps that align its tensors are never written. */
  readonly weightBytes: number
}

interface NodeOptions {
  readonly domain?: Domain
  readonly attributes?: Readonly<Record<string, Attribute>>
}

/** Collects the nodes of one graph in order of computation; every value is produced before it is used. */
export class GraphBuilder {
  readonly #name: string
  readonly #inputs: ValueInfo[] = []
  readonly #outputs: ValueInfo[] = []
  /** Of the graph or the branch being built. */
  #nodes: GraphNode[] = []
  #nodeCount = 0
  readonly #initializers: Initializer[] = []
  readonly #constants = new Map<string, Value>()
  readonly #weights: PlacedWeights[] = []
  readonly #renamed = new Map<Value, Value>()
  #weightBytes = 0

  constructor(name: string) {
    this.#name = name
  }

  input(name: string, type: ElementType, dims: ValueInfo['dims']): Value {
    this.#inputs.push({ name, type, dims })
    return asValue(name)
  }

  /** Makes a value an output of the graph, under its public name. */
  output(name: string, value: Value, type: ElementType, dims: ValueInfo['dims']) {
    assert(!this.#renamed.has(value), `${value} is one output only`)
    this.#renamed.set(value, asValue(name))
    this.#outputs.push({ name, type, dims })
  }

  /** A node of one output. */
  op(opType: string, inputs: readonly (Value | null)[], options: NodeOptions = {}): Value {
    const [output] = this.node(opType, inputs, [true], options)
    assert(output, 'the one output is wanted')
    return output
  }

  /** A node whose outputs are all used. */
  ops(opType: string, inputs: readonly (Value | null)[], count: number, options: NodeOptions = {}): Value[] {
    return this.node(opType, inputs, new Array<true>(count).fill(true), options).filter(
      (value) => value !== null,
    )
  }

  /** A node with optional outputs: null comes back where one is not wanted. */
  node(
    opType: string,
    inputs: readonly (Value | null)[],
    wanted: readonly boolean[],
    { domain = '', attributes = {} }: NodeOptions = {},
  ): (Value | null)[] {
    const name = `${opType}.${this.#nodeCount++}`
    const outputs = wanted.map((want, i) => (want ? asValue(`${name}:${i}`) : null))
    this.#nodes.push({ name, opType, domain, inputs, outputs, attributes })
    return outputs
  }

  /**
   * Runs one of two branches, each of which may read all that was computed before; f32, of equal shapes.
   * @param condition a bool scalar
   */
  either(condition: Value, whenTrue: () => Value, whenFalse: () => Value): Value {
    const attributes = {
      then_branch: { graph: this.#branch('then', whenTrue) },
      else_branch: { graph: this.#branch('else', whenFalse) },
    }
    return this.op('If', [condition], { attributes })
  }

  #branch(name: string, build: () => Value): Graph {
    const outside = this.#nodes
    this.#nodes = []
    try {
      const result = build()
      const outputs = [{ name: result, type: 'f32', dims: null } as const]
      return { name, inputs: [], outputs, nodes: this.#nodes, initializers: [] }
    } finally {
      this.#nodes = outside
    }
  }

  /** A small constant kept in the graph file; equal constants are one. */
  constant(
    type: 'f32' | 'i64' | 'u8',
    values: readonly number[],
    dims: readonly number[] = [values.length],
  ): Value {
    const name = `${type}[${dims.join(',')}](${values.join(',')})`
    const known = this.#constants.get(name)
    if (known !== undefined) return known
    this.#initializers.push({ name, type, dims, data: bytesOf(type, values) })
    this.#constants.set(name, asValue(name))
    return asValue(name)
  }

  /** Reserves room in the weight file; the bytes are produced when the file is written. */
  weights(group: WeightGroup): Value[] {
    const names = group.parts.map((_, i) => (i === 0 ? group.source : `${group.source}:${i}`))
    const places = group.parts.map(({ type, dims }, i) => {
      const offset = Math.ceil(this.#weightBytes / weightAlignmentBytes) * weightAlignmentBytes
      const length = Math.ceil(product(dims) * elementTypes[type].bytes)
      this.#weightBytes = offset + length
      const data = { location: this.#weightFile, offset, length }
      this.#initializers.push({ name: names[i] ?? '', type, dims, data })
      return { offset, length }
    })
    this.#weights.push({ group, places })
    return names.map(asValue)
  }

  /** A weight group of one part. */
  weight(
    source: string,
    type: ElementType,
    dims: readonly number[],
    write: (put: (offset: number, bytes: Uint8Array) => Promise<void>) => Promise<void>,
  ): Value {
    const [value] = this.weights({
      source,
      parts: [{ type, dims }],
      write: (put) => write((offset, bytes) => put(0, offset, bytes)),
    })
    assert(value, 'one part gives one value')
    return value
  }

  build(): BuiltGraph {
    return {
      graph: this.#withPublicNames({
        name: this.#name,
        inputs: this.#inputs,
        outputs: this.#outputs,
        nodes: this.#nodes,
        initializers: this.#initializers,
      }),
      weightFile: this.#weightFile,
      weights: this.#weights,
      weightBytes: this.#weightBytes,
    }
  }

  #withPublicNames(graph: Graph): Graph {
    const rename = (value: Value | null) => (value === null ? null : (this.#renamed.get(value) ?? value))
    const nodes = graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
      attributes: Object.fromEntries(
        Object.entries(node.attributes).map(([name, value]) => [name, this.#renamedWithin(value)]),
      ),
    }))
    return { ...graph, nodes }
  }

  /** Branches read values by the same names. */
  #renamedWithin(attribute: Attribute): Attribute {
    const isBranch = typeof attribute === 'object' && 'graph' in attribute
    return isBranch ? { graph: this.#withPublicNames(attribute.graph) } : attribute
  }

  get #weightFile() {
    return `${this.#name}.weights`
  }
}

function product(dims: readonly number[]) {
  return dims.reduce((size, dim) => size * dim, 1)
}

// The brand keeps ordinary strings out of node inputs; names are only born here.
function asValue(name: string) {
  return name as Value
}

function bytesOf(type: 'f32' | 'i64' | 'u8', values: readonly number[]) {
  if (type === 'u8') return Uint8Array.from(values)
  const array = type === 'f32' ? Float32Array.from(values) : BigInt64Array.from(values.map(BigInt))
  return new Uint8Array(array.buffer)
}
