import assert from 'node:assert/strict'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelFolderError } from '../model/model-folder-error.ts'
import { encodeModel } from './onnx/encode-model.ts'
import { elementTypes } from './onnx/graph.ts'
import { type BuiltGraph, type PlacedWeights, product } from './onnx/graph-builder.ts'

export interface WriteOptions {
  readonly dir: string
  readonly producer: { readonly name: string; readonly version: string }
  readonly signal: AbortSignal
  /** Called after every piece written. */
  onBytes(bytes: number, tensor: string): void
}

/**
 * Writes a graph and the weight file beside it.
 * @throws ModelFolderError when the disk is full; the signal's reason when aborted.
 */
export async function writeGraph(fileName: string, built: BuiltGraph, options: WriteOptions) {
  const { dir, producer } = options
  const model = encodeModel(built.graph, producer)
  await withNewFile(join(dir, fileName), (file) => writeAll(file, model, 0, fileName))
  await withNewFile(join(dir, built.weightFile), async (file) => {
    for (const placed of built.weights) await writeWeights(file, built.weightFile, placed, options)
  })
  return { graphBytes: model.length, weightBytes: built.weightBytes }
}

async function writeWeights(
  file: FileHandle,
  fileName: string,
  { group, offsets }: PlacedWeights,
  { signal, onBytes }: WriteOptions,
) {
  const sizes = group.parts.map(({ type, dims }) => Math.ceil(product(dims) * elementTypes[type].bytes))
  const written = sizes.map(() => 0)
  await group.write(async (part, offset, bytes) => {
    signal.throwIfAborted()
    assert(offset + bytes.length <= (sizes[part] ?? 0), `${group.source}: stays within its part`)
    await writeAll(file, bytes, (offsets[part] ?? 0) + offset, `${fileName}, tensor ${group.source}`)
    written[part] = (written[part] ?? 0) + bytes.length
    onBytes(bytes.length, group.source)
  })
  assert.deepEqual(written, sizes, `${group.source}: every byte is written once`)
}

/** Flushed before it is closed: a folder that is renamed into place survives a power cut as a whole. */
async function withNewFile(path: string, fill: (file: FileHandle) => Promise<void>) {
  const file = await open(path, 'wx')
  try {
    await fill(file)
    await file.datasync()
  } finally {
    await file.close()
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number, what: string) {
  let done = 0
  try {
    while (done < bytes.length) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
      done += bytesWritten
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new ModelFolderError(what, 'no space left on the disk', { cause: error })
    }
    throw error
  }
}
