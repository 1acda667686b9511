import type { FileHandle } from 'node:fs/promises'
import { ModelFolderError } from '../model/model-folder-error.ts'

/**
 * Writes every byte at a position of a file. `what` names the file, and the tensor, for the message.
 * @throws ModelFolderError when the disk is full.
 */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number, what: string) {
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
