import assert from 'node:assert/strict'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeModel } from './onnx/encode-model.ts'
import type { BuiltGraph, PlacedWeights } from './onnx/graph-builder.ts'
import { writeAll } from './write-all.ts'

export interface WriteOptions {
  readonly dir: string
  readonly producer: { readonly name: string; readonly version: string }
  readonly signal: AbortSignal
  /** Called after every piece written. */
  onBytes(bytes: number, tensor: string): void
}

/**
 * Writes a graph and, if it has weights, the weight file beside it.
 * @throws ModelFolderError when the disk is full; the signal's reason when aborted.
 */
export async function writeGraph(fileName: string, built: BuiltGraph, options: WriteOptions) {
  const { dir, producer } = options
  const model = encodeModel(built.graph, producer)
  await withNewFile(join(dir, fileName), (file) => writeAll(file, model, 0, fileName))
  if (built.weights.length > 0) {
    await withNewFile(join(dir, built.weightFile), async (file) => {
      for (const placed of built.weights) await writeWeights(file, built.weightFile, placed, options)
    })
  }
  return { graphBytes: model.length, weightBytes: built.weightBytes }
}

async function writeWeights(
  file: FileHandle,
  fileName: string,
  { group, places }: PlacedWeights,
  { signal, onBytes }: WriteOptions,
) {
  const written = places.map(() => 0)
  await group.write(async (part, offset, bytes) => {
    signal.throwIfAborted()
    const place = places[part]
    assert(place && offset + bytes.length <= place.length, `${group.source}: stays within its part`)
    await writeAll(file, bytes, place.offset + offset, `${fileName}, tensor ${group.source}`)
    written[part] = (written[part] ?? 0) + bytes.length
    onBytes(bytes.length, group.source)
  })
  const lengths = places.map(({ length }) => length)
  assert.deepEqual(written, lengths, `${group.source}: every byte is written once`)
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
