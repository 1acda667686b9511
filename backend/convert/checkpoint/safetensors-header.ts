import type { FileHandle } from 'node:fs/promises'
import { z } from 'zod'
import { ModelFolderError } from '../../model/model-folder-error.ts'

/** Where a tensor lies in its file. */
export interface TensorEntry {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  /** Absolute offset in the file, and length. */
  readonly offset: number
  readonly bytes: number
}

/** The reference implementation's own bound on a header. */
const maxHeaderBytes = 100_000_000

const elementBytes: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
}

const offset = z.int().min(0)
const headerSchema = z.record(
  z.string(),
  z.object({ dtype: z.string(), shape: z.array(offset), data_offsets: z.tuple([offset, offset]) }),
)

/**
 * Reads and checks a safetensors header: every tensor inside the file, of the size its shape says, none overlapping
 * another, no bytes left over.
 * @throws ModelFolderError
 */
export async function readSafetensorsHeader(file: FileHandle, name: string): Promise<TensorEntry[]> {
  const { size: fileBytes } = await file.stat()
  const prefix = await readExactly(file, 0, Math.min(8, fileBytes))
  if (prefix.length < 8) throw new ModelFolderError(name, 'is truncated: it ends inside the header')
  const headerBytes = Number(prefix.readBigUInt64LE(0))
  if (headerBytes > maxHeaderBytes) throw new ModelFolderError(name, 'is not a safetensors file')
  const dataStart = 8 + headerBytes
  if (dataStart > fileBytes) throw new ModelFolderError(name, 'is truncated: it ends inside the header')
  const header = parseHeader(await readExactly(file, 8, headerBytes), name)
  return checkedEntries(header, name, dataStart, fileBytes)
}

/** Reads `length` bytes, or up to the end of the file. */
export async function readExactly(file: FileHandle, position: number, length: number) {
  const buffer = Buffer.alloc(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

function parseHeader(bytes: Buffer, name: string) {
  let json: unknown
  try {
    json = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw new ModelFolderError(name, 'has a header that is not valid JSON', { cause: error })
  }
  if (typeof json !== 'object' || json === null)
    throw new ModelFolderError(name, 'has a header that is no object')
  const { __metadata__: _, ...tensors } = json as Record<string, unknown> // checked field by field below
  const result = headerSchema.safeParse(tensors)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new ModelFolderError(name, `header: ${issue?.path.join('.')}: ${issue?.message}`)
}

function checkedEntries(
  header: z.infer<typeof headerSchema>,
  file: string,
  dataStart: number,
  fileBytes: number,
): TensorEntry[] {
  const entries = Object.entries(header).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [begin, end],
      },
    ]) => {
      const size = elementBytes[dtype]
      if (size === undefined) throw new ModelFolderError(file, `tensor ${name}: unknown dtype ${dtype}`)
      const bytes = shape.reduce((product, dim) => product * dim, size)
      if (end - begin !== bytes) {
        throw new ModelFolderError(
          file,
          `tensor ${name}: ${dtype} [${shape.join(', ')}] takes ${bytes} bytes, not ${end - begin}`,
        )
      }
      return { name, dtype, shape, offset: dataStart + begin, bytes }
    },
  )
  entries.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)
  let expected = dataStart
  for (const { name, offset, bytes } of entries) {
    if (offset < expected) throw new ModelFolderError(file, `tensor ${name}: overlaps the one before it`)
    if (offset > expected) throw new ModelFolderError(file, `tensor ${name}: unused bytes before it`)
    expected = offset + bytes
    if (expected > fileBytes) {
      throw new ModelFolderError(
        file,
        `is truncated: tensor ${name} ends at byte ${expected} of ${fileBytes}`,
      )
    }
  }
  if (expected !== fileBytes)
    throw new ModelFolderError(file, `has ${fileBytes - expected} bytes after its last tensor`)
  return entries
}
