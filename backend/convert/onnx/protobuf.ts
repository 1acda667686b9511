/**
 * Protocol-buffer messages, written field by field in the wire format (protobuf.dev/programming-guides/encoding):
 * just what ONNX needs. Integers are non-negative or two's complement in 64 bits.
 */
export class ProtobufMessage {
  readonly #parts: Uint8Array[] = []

  int(field: number, value: number | bigint) {
    this.#parts.push(varint(tag(field, wireTypes.varint)), varint(BigInt.asUintN(64, BigInt(value))))
    return this
  }

  float(field: number, value: number) {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setFloat32(0, value, true)
    this.#parts.push(varint(tag(field, wireTypes.fixed32)), bytes)
    return this
  }

  bytes(field: number, value: Uint8Array) {
    this.#parts.push(varint(tag(field, wireTypes.delimited)), varint(BigInt(value.length)), value)
    return this
  }

  string(field: number, value: string) {
    return this.bytes(field, Buffer.from(value, 'utf8'))
  }

  message(field: number, value: ProtobufMessage) {
    return this.bytes(field, value.encode())
  }

  /** One unpacked entry each, as ONNX's proto2 syntax has it. */
  ints(field: number, values: readonly (number | bigint)[]) {
    for (const value of values) this.int(field, value)
    return this
  }

  encode(): Uint8Array {
    return Buffer.concat(this.#parts)
  }
}

const wireTypes = { varint: 0n, delimited: 2n, fixed32: 5n } as const

function tag(field: number, wireType: bigint) {
  return (BigInt(field) << 3n) | wireType
}

function varint(value: bigint) {
  const bytes: number[] = []
  let rest = value
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}
