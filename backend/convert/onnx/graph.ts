/** ONNX element types by our names: TensorProto.DataType and bytes per element. */
export const elementTypes = {
  f32: { code: 1, bytes: 4 },
  u8: { code: 2, bytes: 1 },
  i8: { code: 3, bytes: 1 },
  i32: { code: 6, bytes: 4 },
  i64: { code: 7, bytes: 8 },
  f16: { code: 10, bytes: 2 },
} as const

export type ElementType = keyof typeof elementTypes

/** A tensor flowing through a graph, by its unique name. */
export type Value = string & { readonly brand: 'Value' }

/** A number that becomes a FLOAT attribute; plain numbers become INT. */
interface FloatAttribute {
  readonly float: number
}
/** A branch: a graph without inputs of its own, which reads the values around it. */
interface GraphAttribute {
  readonly graph: Graph
}
export type Attribute = number | readonly number[] | string | FloatAttribute | GraphAttribute

export interface GraphNode {
  readonly name: string
  readonly opType: string
  readonly domain: Domain
  readonly inputs: readonly (Value | null)[]
  readonly outputs: readonly (Value | null)[]
  readonly attributes: Readonly<Record<string, Attribute>>
}

export type Domain = '' | 'com.microsoft'

/** A string dimension is a name: equal names are equal sizes. null leaves the shape to be inferred. */
export interface ValueInfo {
  readonly name: string
  readonly type: ElementType
  readonly dims: readonly (number | string)[] | null
}

/** A constant: its bytes in the graph file, or a place in the weight file beside it. */
export interface Initializer {
  readonly name: string
  readonly type: ElementType
  readonly dims: readonly number[]
  readonly data: Uint8Array | { readonly location: string; readonly offset: number; readonly length: number }
}

export interface Graph {
  readonly name: string
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly nodes: readonly GraphNode[]
  readonly initializers: readonly Initializer[]
}
