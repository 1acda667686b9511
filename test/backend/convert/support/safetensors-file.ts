/** A tensor to write: its values' bytes are zeros unless given. */
export interface TensorToWrite {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

/** The bytes of a well-formed safetensors file; `damage` may spoil the header first. */
export function safetensors(
  tensors: Readonly<Record<string, TensorToWrite>>,
  damage: (
    header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>,
  ) => void = () => {},
): Buffer {
  const header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> = {}
  let end = 0
  for (const [name, { dtype, shape, bytes }] of Object.entries(tensors)) {
    header[name] = { dtype, shape: [...shape], data_offsets: [end, end + bytes.length] }
    end += bytes.length
  }
  damage(header)
  const json = Buffer.from(JSON.stringify({ __metadata__: { format: 'pt' }, ...header }))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([prefix, json, ...Object.values(tensors).map(({ bytes }) => bytes)])
}

/** Reads the tensors back, for tests that change some of them. */
export function parseSafetensors(file: Buffer): Record<string, TensorToWrite> {
  const start = 8 + Number(file.readBigUInt64LE(0))
  const { __metadata__: _, ...header } = JSON.parse(file.subarray(8, start).toString('utf8'))
  const tensors: Record<string, TensorToWrite> = {}
  for (const [name, { dtype, shape, data_offsets }] of Object.entries<{
    dtype: string
    shape: number[]
    data_offsets: [number, number]
  }>(header)) {
    tensors[name] = { dtype, shape, bytes: file.subarray(start + data_offsets[0], start + data_offsets[1]) }
  }
  return tensors
}
