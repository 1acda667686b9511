import {
  type Attribute,
  elementTypes,
  type Graph,
  type GraphNode,
  type Initializer,
  type ValueInfo,
} from './graph.ts'
import { ProtobufMessage } from './protobuf.ts'

const irVersion = 10
const opsets = [
  { domain: '', version: 21 },
  { domain: 'com.microsoft', version: 1 },
] as const

// Field numbers below are those of onnx/onnx.proto (IR version 10).
const attributeTypes = { float: 1, int: 2, string: 3, graph: 5, ints: 7 } as const
const externalDataLocation = 1

/** An ONNX `ModelProto`, ready to write to a `.onnx` file. */
export function encodeModel(graph: Graph, producer: { name: string; version: string }): Uint8Array {
  const model = new ProtobufMessage()
    .int(1, irVersion)
    .string(2, producer.name)
    .string(3, producer.version)
    .message(7, encodeGraph(graph))
  for (const { domain, version } of opsets) {
    model.message(8, new ProtobufMessage().string(1, domain).int(2, version))
  }
  return model.encode()
}

function encodeGraph(graph: Graph): ProtobufMessage {
  const message = new ProtobufMessage()
  for (const node of graph.nodes) message.message(1, encodeNode(node))
  message.string(2, graph.name)
  for (const initializer of graph.initializers) message.message(5, encodeInitializer(initializer))
  for (const input of graph.inputs) message.message(11, encodeValueInfo(input))
  for (const output of graph.outputs) message.message(12, encodeValueInfo(output))
  return message
}

function encodeNode(node: GraphNode) {
  const message = new ProtobufMessage()
  // An empty name is ONNX's "optional, not given".
  for (const input of node.inputs) message.string(1, input ?? '')
  for (const output of node.outputs) message.string(2, output ?? '')
  message.string(3, node.name).string(4, node.opType)
  for (const [name, value] of Object.entries(node.attributes)) {
    message.message(5, encodeAttribute(name, value))
  }
  return message.string(7, node.domain)
}

function encodeAttribute(name: string, value: Attribute) {
  const message = new ProtobufMessage().string(1, name)
  if (typeof value === 'number') return message.int(3, value).int(20, attributeTypes.int)
  if (typeof value === 'string') return message.string(4, value).int(20, attributeTypes.string)
  if ('float' in value) return message.float(2, value.float).int(20, attributeTypes.float)
  if ('graph' in value) return message.message(6, encodeGraph(value.graph)).int(20, attributeTypes.graph)
  return message.ints(8, value).int(20, attributeTypes.ints)
}

function encodeInitializer({ name, type, dims, data }: Initializer) {
  const message = new ProtobufMessage().ints(1, dims).int(2, elementTypes[type].code).string(8, name)
  if (data instanceof Uint8Array) return message.bytes(9, data)
  for (const [key, value] of Object.entries(data)) {
    message.message(13, new ProtobufMessage().string(1, key).string(2, String(value)))
  }
  return message.int(14, externalDataLocation)
}

function encodeValueInfo({ name, type, dims }: ValueInfo) {
  const tensor = new ProtobufMessage().int(1, elementTypes[type].code)
  if (dims !== null) tensor.message(2, encodeShape(dims))
  return new ProtobufMessage().string(1, name).message(2, new ProtobufMessage().message(1, tensor))
}

function encodeShape(dims: readonly (number | string)[]) {
  const shape = new ProtobufMessage()
  for (const dim of dims) {
    const dimension = new ProtobufMessage()
    shape.message(1, typeof dim === 'number' ? dimension.int(1, dim) : dimension.string(2, dim))
  }
  return shape
}
