import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { RepoFile } from './hub.ts'
import { HubError } from './hub-error.ts'

export interface OpenOptions {
  /** Told `bytes` whenever it changes. */
  readonly onBytes: (bytes: number) => void
  readonly signal: AbortSignal
}

/**
 * A file that is being downloaded: `bytes` are on disk, in order, and in the hash. It survives the process, so a later
 * run opens it again and goes on.
 */
export class PartialFile {
  readonly #handle: FileHandle
  readonly #file: RepoFile
  readonly #onBytes: (bytes: number) => void
  #hash = createHash('sha256')
  #bytes = 0

  private constructor(handle: FileHandle, file: RepoFile, onBytes: (bytes: number) => void) {
    this.#handle = handle
    this.#file = file
    this.#onBytes = onBytes
  }

  /** Takes up what an earlier run left. */
  static async open(path: string, file: RepoFile, { onBytes, signal }: OpenOptions): Promise<PartialFile> {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT)
    const partial = new PartialFile(handle, file, onBytes)
    try {
      await partial.#takeUp(signal)
      return partial
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  get bytes() {
    return this.#bytes
  }

  get isWhole() {
    return this.#bytes === this.#file.sizeBytes
  }

  /** Whether a whole file is the one the hub lists. Where the hub gives no digest, its size has to do. */
  get isGenuine() {
    return this.#file.sha256 === null || this.#hash.copy().digest('hex') === this.#file.sha256
  }

  /** @throws {HubError} before the file grows beyond the size the hub lists: an endless body must not fill the disk. */
  async append(chunk: Uint8Array) {
    if (this.#bytes + chunk.length > this.#file.sizeBytes) {
      throw new HubError(`${this.#file.name} is longer than the ${this.#file.sizeBytes} bytes the hub lists`)
    }
    for (let written = 0; written < chunk.length; ) {
      const position = this.#bytes + written
      written += (await this.#handle.write(chunk, written, chunk.length - written, position)).bytesWritten
    }
    this.#hash.update(chunk)
    this.#advance(this.#bytes + chunk.length)
  }

  async restart() {
    await this.#handle.truncate(0)
    this.#hash = createHash('sha256')
    this.#advance(0)
  }

  async sync() {
    await this.#handle.datasync()
  }

  async close() {
    await this.#handle.close()
  }

  async #takeUp(signal: AbortSignal) {
    const { size } = await this.#handle.stat()
    if (size > this.#file.sizeBytes) return this.restart()
    for await (const chunk of this.#handle.createReadStream({ start: 0, autoClose: false, signal })) {
      this.#hash.update(chunk)
      this.#bytes += chunk.length
    }
    this.#advance(this.#bytes)
  }

  #advance(bytes: number) {
    this.#bytes = bytes
    this.#onBytes(bytes)
  }
}
