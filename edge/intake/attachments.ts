import { encodeBase64url } from '../../shared/base64url.ts'
import { ApiError } from '../../shared/errors.ts'
import { partEnd, partHead } from '../../shared/wire-body.ts'
import type { ByteWriter } from './byte-writer.ts'

/** One picture's bytes in the body under way. */
export interface Attachment {
  readonly start: number
  readonly end: number
  /** Why the picture cannot be used; completes "the picture is refused: …". */
  readonly problem: string | null
}

/** The pictures of one request, written as parts of the body that will go to the backend. */
export class Attachments {
  readonly writer: ByteWriter
  readonly #boundary: string
  readonly #maxBytes: number
  readonly #maxCount: number
  readonly #list: Attachment[] = []
  // Unguessable, so that no text of the caller's can be mistaken for a reference of ours.
  readonly #prefix = `attachment:${encodeBase64url(crypto.getRandomValues(new Uint8Array(12)))}:`
  #start = 0

  constructor(writer: ByteWriter, boundary: string, { maxImageBytes, maxImages }: AttachmentLimits) {
    this.writer = writer
    this.#boundary = boundary
    this.#maxBytes = maxImageBytes
    this.#maxCount = maxImages
  }

  get list(): readonly Attachment[] {
    return this.#list
  }

  /** @throws ApiError `invalid_request` for one picture more than allowed. */
  begin() {
    if (this.#list.length >= this.#maxCount) {
      throw new ApiError('invalid_request', `at most ${this.#maxCount} pictures fit one request`)
    }
    this.writer.appendText(partHead(this.#boundary, `image-${this.#list.length}`, 'application/octet-stream'))
    this.#start = this.writer.length
  }

  /** @throws ApiError `image_too_large` once the picture under way is over the limit. */
  checkSize() {
    if (this.writer.length - this.#start > this.#maxBytes) {
      throw new ApiError('image_too_large', `a picture may have at most ${this.#maxBytes} bytes`)
    }
  }

  /** Forgets the bytes of the picture under way, which cannot be used. */
  dropBytes() {
    this.writer.truncate(this.#start)
  }

  /** Ends the picture under way and returns the reference that stands for it. */
  finish(problem: string | null): string {
    this.checkSize()
    const empty = this.writer.length === this.#start ? 'it holds no bytes' : null
    this.#list.push({ start: this.#start, end: this.writer.length, problem: problem ?? empty })
    this.writer.appendText(partEnd)
    return `${this.#prefix}${this.#list.length - 1}`
  }

  /** The number of the picture a reference stands for; null for any other text. */
  indexOf(reference: string): number | null {
    return reference.startsWith(this.#prefix) ? Number(reference.slice(this.#prefix.length)) : null
  }

  /** Whether a text that is no picture field holds a reference: a caller's data URI stood where text belongs. */
  isIn(json: string): boolean {
    return json.includes(this.#prefix)
  }

  bytes({ start, end }: Attachment): Uint8Array<ArrayBuffer> {
    return this.writer.view(start, end)
  }
}

export interface AttachmentLimits {
  readonly maxImageBytes: number
  readonly maxImages: number
}
