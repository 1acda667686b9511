import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { ModelFolderError } from '../../model/model-folder-error.ts'
import { readOptionalJson } from '../../model/read-json.ts'
import type { Matrix, TensorSource } from './matrix.ts'
import { readSafetensorsHeader, type TensorEntry } from './safetensors-header.ts'
import { allFinite, sourceDtypes } from './widen.ts'

export const indexFile = 'model.safetensors.index.json'
const singleFile = 'model.safetensors'

// A shard lies in the folder itself: an index cannot point anywhere else.
const shardName = z.string().regex(/^[\w.-]+\.safetensors$/, { error: 'not the name of a safetensors file' })
const indexSchema = z.object({ weight_map: z.record(z.string(), shardName) })

interface Located extends TensorEntry {
  readonly file: string
  readonly handle: FileHandle
}

/** The safetensors files of a folder, in the order their tensors are listed. @throws ModelFolderError */
export async function listShards(dir: string): Promise<string[]> {
  const index = await readOptionalJson(dir, indexFile, indexSchema)
  return index === null ? [singleFile] : [...new Set(Object.values(index.weight_map))].sort()
}

/**
 * The weights of a model folder, sharded or single. Tensors are read by offset, on demand and one at a time; the
 * files stay open until `close`.
 */
export class Checkpoint implements TensorSource {
  readonly #tensors: ReadonlyMap<string, Located>
  readonly #handles: readonly FileHandle[]
  readonly #used = new Set<string>()
  #raw = new Uint8Array(0)

  private constructor(tensors: ReadonlyMap<string, Located>, handles: readonly FileHandle[]) {
    this.#tensors = tensors
    this.#handles = handles
  }

  /** Opens every file and checks its header. @throws ModelFolderError */
  static async open(dir: string): Promise<Checkpoint> {
    const tensors = new Map<string, Located>()
    const handles: FileHandle[] = []
    try {
      for (const file of await listShards(dir)) {
        const handle = await openFile(dir, file)
        handles.push(handle)
        for (const entry of await readSafetensorsHeader(handle, file)) {
          const other = tensors.get(entry.name)
          if (other) throw new ModelFolderError(file, `tensor ${entry.name}: is in ${other.file} too`)
          tensors.set(entry.name, { ...entry, file, handle })
        }
      }
    } catch (error) {
      await closeAll(handles)
      throw error
    }
    return new Checkpoint(tensors, handles)
  }

  matrix(name: string, shape: readonly number[]): Matrix {
    const tensor = this.#tensors.get(name)
    if (!tensor) throw new ModelFolderError(this.#describeFiles(), `tensor ${name}: is missing`)
    if (tensor.shape.length !== shape.length || shape.some((dim, i) => dim !== tensor.shape[i])) {
      const [found, expected] = [tensor.shape.join(', '), shape.join(', ')]
      throw new ModelFolderError(
        tensor.file,
        `tensor ${name}: found shape [${found}], expected [${expected}]`,
      )
    }
    const dtype = sourceDtypes[tensor.dtype]
    if (!dtype) {
      throw new ModelFolderError(
        tensor.file,
        `tensor ${name}: dtype ${tensor.dtype}, expected BF16, F16 or F32`,
      )
    }
    this.#used.add(name)
    const [rows = 1, ...rest] = shape
    const columns = rest.reduce((product, dim) => product * dim, 1)
    return {
      name,
      rows,
      columns,
      read: async (first, into) => {
        const bytes = into.length * dtype.bytes
        dtype.widen(await this.#readRaw(tensor, first * columns * dtype.bytes, bytes), into)
        if (!allFinite(into)) throw new ModelFolderError(tensor.file, `tensor ${name}: holds NaN or infinity`)
      },
    }
  }

  /**
   * A tensor nobody asked for means that the graphs are not the whole model.
   * @throws ModelFolderError naming the first that is neither used nor to be ignored.
   */
  assertAllUsed(ignored: (name: string) => boolean) {
    for (const { name, file } of this.#tensors.values()) {
      if (this.#used.has(name) || ignored(name)) continue
      throw new ModelFolderError(
        file,
        `tensor ${name}: does not belong to this architecture and configuration`,
      )
    }
  }

  close(): Promise<void> {
    return closeAll(this.#handles)
  }

  /** Valid until the next call. */
  async #readRaw({ file, handle, name, offset }: Located, start: number, length: number) {
    if (this.#raw.length < length) this.#raw = new Uint8Array(length)
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await handle.read(this.#raw, filled, length - filled, offset + start + filled)
      if (bytesRead === 0)
        throw new ModelFolderError(file, `tensor ${name}: the file ended while it was being read`)
      filled += bytesRead
    }
    return this.#raw.subarray(0, length)
  }

  #describeFiles() {
    return this.#handles.length === 1 ? singleFile : indexFile
  }
}

async function openFile(dir: string, file: string) {
  try {
    return await open(join(dir, file))
  } catch (error) {
    throw new ModelFolderError(file, `cannot be opened in ${dir}`, { cause: error })
  }
}

async function closeAll(handles: readonly FileHandle[]) {
  await Promise.all(handles.map((handle) => handle.close()))
}
