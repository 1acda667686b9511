import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { downloadFile } from './download-file.ts'
import type { RepoFile } from './hub.ts'
import { HubError } from './hub-error.ts'
import { fileSize } from './pull-record.ts'
import type { NetworkLimits } from './retry.ts'

export interface PullFilesOptions {
  readonly dir: string
  readonly fetch: typeof globalThis.fetch
  readonly limits: NetworkLimits
  readonly signal: AbortSignal
  /** Bytes of one of the files that are here. */
  readonly onBytes: (name: string, bytes: number) => void
}

/** Files under way at once: one connection seldom fills the line. */
const DOWNLOADS_AT_ONCE = 3

/** Downloads those of the files that are not in the folder yet. The first failure stops the others. */
export async function pullFiles(files: readonly RepoFile[], options: PullFilesOptions): Promise<void> {
  const failure = new AbortController()
  const signal = AbortSignal.any([options.signal, failure.signal])
  const queue = files.values()
  const download = async () => {
    for (const file of queue) {
      signal.throwIfAborted()
      await pullFile(file, { ...options, signal })
    }
  }
  const downloads = Array.from({ length: DOWNLOADS_AT_ONCE }, () =>
    download().catch((error: unknown) => failure.abort(error)),
  )
  await Promise.all(downloads)
  signal.throwIfAborted()
}

async function pullFile(file: RepoFile, { dir, onBytes, ...options }: PullFilesOptions) {
  const { name, sizeBytes } = file
  if ((await fileSize(dir, name)) === sizeBytes) onBytes(name, sizeBytes)
  else
    await downloadFile({ ...options, file, path: join(dir, name), onBytes: (bytes) => onBytes(name, bytes) })
}

/** @throws {HubError} when the disk cannot hold what is still missing. */
export async function assertRoom(dir: string, files: readonly RepoFile[]): Promise<void> {
  let neededBytes = 0
  for (const { name, sizeBytes } of files) {
    neededBytes += sizeBytes - ((await fileSize(dir, name)) ?? (await fileSize(dir, `${name}.part`)) ?? 0)
  }
  const { bavail, bsize } = await statfs(dir)
  const freeBytes = bavail * bsize
  if (neededBytes <= freeBytes) return
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
  throw new HubError(
    `${dir} has ${gigabytes(freeBytes)} free and the model takes another ${gigabytes(neededBytes)}: free some space, or choose another disk with --cache-dir`,
  )
}
