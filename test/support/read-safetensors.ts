import { readFileSync } from 'node:fs'

export interface TestTensor {
  readonly shape: readonly number[]
  /** f32 values, or i64 ones as numbers. */
  readonly data: Float32Array | readonly number[]
}

/** Reads a small safetensors file whole: header length (u64), JSON header, then the tensors' bytes. */
export function readTestTensors(path: string): Map<string, TestTensor> {
  const file = readFileSync(path)
  const headerEnd = 8 + Number(file.readBigUInt64LE(0))
  const header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> =
    JSON.parse(file.toString('utf8', 8, headerEnd))
  const tensors = new Map<string, TestTensor>()
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (dtype !== 'F32' && dtype !== 'I64') continue
    const bytes = new Uint8Array(file.subarray(headerEnd + data_offsets[0], headerEnd + data_offsets[1])) // aligned copy
    const data =
      dtype === 'F32' ? new Float32Array(bytes.buffer) : Array.from(new BigInt64Array(bytes.buffer), Number)
    tensors.set(name, { shape, data })
  }
  return tensors
}
