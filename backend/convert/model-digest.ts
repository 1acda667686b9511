import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { chatTemplateFiles } from '../model/chat-template.ts'
import { ModelFolderError } from '../model/model-folder-error.ts'
import { configFiles } from '../model/read-model-config.ts'
import { indexFile, listShards } from './checkpoint/checkpoint.ts'
import { readExactly } from './checkpoint/safetensors-header.ts'

/** The files a converted folder keeps from its source. */
export const keptFiles = [
  ...Object.values(configFiles),
  'tokenizer.json',
  ...Object.values(chatTemplateFiles),
] as const

const pieceBytes = 1024 * 1024
/** Up to this size a weight file is hashed whole: at about 1 GB/s, a second at start. */
const wholeFileBytes = 1024 ** 3
const samples = 64

/**
 * Names a model by content, hex: SHA-256 over the configuration, tokenizer and template files and over every weight
 * file — whole up to 1 GiB, above that its size, its first MiB (the header, which lists every tensor) and 64 MiB
 * evenly spread. Two releases of a large model differ everywhere; a deliberate change of a few bytes in between is
 * not noticed.
 * @throws ModelFolderError when a file cannot be read.
 */
export async function modelDigest(dir: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of [...keptFiles, indexFile]) await hashFile(hash, dir, name, { optional: true })
  for (const name of await listShards(dir)) await hashFile(hash, dir, name, { optional: false })
  return hash.digest('hex')
}

async function hashFile(hash: Hash, dir: string, name: string, { optional }: { optional: boolean }) {
  const file = await openOrNull(dir, name)
  if (file === null) {
    if (optional) return
    throw new ModelFolderError(name, `is missing in ${dir}`)
  }
  try {
    const { size } = await file.stat()
    hash.update(JSON.stringify([name, size]))
    const step = size <= wholeFileBytes ? pieceBytes : Math.floor((size - pieceBytes) / samples)
    for (let position = 0; position < size; position += step) {
      hash.update(await readExactly(file, position, Math.min(pieceBytes, size - position)))
    }
  } finally {
    await file.close()
  }
}

async function openOrNull(dir: string, name: string): Promise<FileHandle | null> {
  try {
    return await open(join(dir, name))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw new ModelFolderError(name, 'cannot be read', { cause: error })
  }
}
