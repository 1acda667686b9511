import { rename } from 'node:fs/promises'
import { HubStatusError, type RepoFile } from './hub.ts'
import { HubError } from './hub-error.ts'
import { PartialFile } from './partial-file.ts'
import { BrokenTransfer, backOff, isTransient, type NetworkLimits, retryAfterMs } from './retry.ts'

export interface DownloadOptions {
  readonly file: RepoFile
  /** Where the file goes once it is whole and checked. Until then it grows as `<path>.part`. */
  readonly path: string
  readonly fetch: typeof globalThis.fetch
  readonly limits: NetworkLimits
  readonly signal: AbortSignal
  /** Bytes of the file that are here; falls back to 0 when it has to begin again. */
  readonly onBytes: (bytes: number) => void
}

/** A try that brought this much was worth it: the count of failed ones starts again. */
const PROGRESS_BYTES = 64 * 1024
/** How often a whole file may turn out to be another one than the hub lists. */
const MAX_MISMATCHES = 2

/**
 * Downloads one file, going on where an earlier run or a cut connection stopped. It gets its name only when size and
 * SHA-256 are what the hub lists.
 * @throws {HubError} when what comes is not what the hub lists.
 * @throws {HubStatusError} when the hub refuses, or is broken for longer than the limits allow.
 */
export async function downloadFile(options: DownloadOptions): Promise<void> {
  const partial = await PartialFile.open(`${options.path}.part`, options.file, options)
  try {
    for (let mismatches = 0; ; ) {
      await fill(partial, options)
      if (partial.isGenuine) break
      await partial.restart()
      mismatches += 1
      if (mismatches === MAX_MISMATCHES) {
        throw new HubError(`${options.file.name} is not the file its hub lists (SHA-256 differs)`)
      }
    }
    await partial.sync()
  } finally {
    await partial.close()
  }
  await rename(`${options.path}.part`, options.path)
}

/** Asks for the missing rest until there is none. */
async function fill(partial: PartialFile, options: DownloadOptions) {
  const { limits, signal } = options
  let attempt = 1
  while (!partial.isWhole) {
    const before = partial.bytes
    try {
      await receive(partial, options)
    } catch (error) {
      signal.throwIfAborted()
      if (partial.bytes - before >= PROGRESS_BYTES) attempt = 1
      if (!isTransient(error) || attempt >= limits.attempts) throw error
      await backOff(attempt, error, limits, signal)
      attempt += 1
    }
  }
}

async function receive(partial: PartialFile, { file, fetch, signal }: DownloadOptions) {
  const headers = partial.bytes > 0 ? { range: `bytes=${partial.bytes}-` } : {}
  const response = await fetch(file.url, { headers, signal })
  try {
    await alignWith(response, partial, file)
    for await (const chunk of response.body ?? []) await partial.append(chunk)
  } finally {
    if (!response.bodyUsed) await response.body?.cancel()
  }
  if (!partial.isWhole) throw new BrokenTransfer(`${file.name} ended after ${partial.bytes} bytes`)
}

/** Makes sure that the body belongs at the end of the partial file. */
async function alignWith(response: Response, partial: PartialFile, file: RepoFile) {
  const { status, headers } = response
  if (status === 206) {
    if (headers.get('content-range') === `bytes ${partial.bytes}-${file.sizeBytes - 1}/${file.sizeBytes}`)
      return
    await partial.restart()
    throw new BrokenTransfer(`${file.name} came as another range than was asked for`)
  }
  if (status !== 200 && status !== 416) throw new HubStatusError(status, retryAfterMs(response))
  // The server ignores ranges, or does not know this one.
  if (partial.bytes > 0) await partial.restart()
  if (status === 416) throw new BrokenTransfer(`${file.name} cannot be resumed`)
  // A login page of some network in between says 200 too.
  const length = headers.get('content-length')
  if (length !== null && Number(length) !== file.sizeBytes) {
    throw new BrokenTransfer(`${file.name} came with ${length} bytes, the hub lists ${file.sizeBytes}`)
  }
}
