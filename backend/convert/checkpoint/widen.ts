import assert from 'node:assert/strict'
import { endianness } from 'node:os'

assert(endianness() === 'LE', 'safetensors and ONNX files are little-endian, and read in place')

/** Writes the f32 values of `bytes` (aligned to their element size) into `into`. Every source value is exact in f32. */
export type Widen = (bytes: Uint8Array, into: Float32Array) => void

/** The source dtypes a conversion accepts. */
export const sourceDtypes: Readonly<Record<string, { readonly bytes: number; readonly widen: Widen }>> = {
  F32: {
    bytes: 4,
    widen: (bytes, into) => into.set(new Float32Array(bytes.buffer, bytes.byteOffset, into.length)),
  },
  F16: { bytes: 2, widen: widenHalf },
  BF16: { bytes: 2, widen: widenBfloat },
}

/** False when any value is NaN or infinite: all ones in the exponent. */
export function allFinite(values: Float32Array): boolean {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  for (let i = 0; i < bits.length; i += 1) {
    if (((bits[i] ?? 0) & 0x7f800000) === 0x7f800000) return false
  }
  return true
}

function widenBfloat(bytes: Uint8Array, into: Float32Array) {
  const source = new Uint16Array(bytes.buffer, bytes.byteOffset, into.length)
  const bits = new Uint32Array(into.buffer, into.byteOffset, into.length)
  // bfloat16 is the upper half of an f32.
  for (let i = 0; i < bits.length; i += 1) bits[i] = (source[i] ?? 0) << 16
}

function widenHalf(bytes: Uint8Array, into: Float32Array) {
  const source = new Uint16Array(bytes.buffer, bytes.byteOffset, into.length)
  halfTable ??= Float32Array.from({ length: 65_536 }, (_, bits) => halfToNumber(bits))
  const table = halfTable
  for (let i = 0; i < into.length; i += 1) into[i] = table[source[i] ?? 0] ?? 0
}

/** Every half-precision number, by its bits; built at first use. */
let halfTable: Float32Array | null = null

function halfToNumber(bits: number) {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
