import { ApiError } from '../../shared/errors.ts'

/** Where a part's content goes while it comes in. */
export interface PartSink {
  write(bytes: Uint8Array): void
  end(): void
}

export interface PartHead {
  readonly name: string
  readonly isFile: boolean
}

const maxHeadBytes = 4096
const maxParts = 100
const carriageReturn = 0x0d

/** Parses `multipart/form-data` (RFC 7578) as it comes in; holds no more than a delimiter's length of content. */
export class MultipartParser {
  readonly #delimiter: Uint8Array
  readonly #open: (head: PartHead) => PartSink
  #state: 'content' | 'delimited' | 'head' | 'done' = 'content'
  /** null in the preamble, which nobody wants. */
  #sink: PartSink | null = null
  // The first delimiter may stand at the very start; with a line break put before it, it is like the others.
  #rest: Uint8Array = new TextEncoder().encode('\r\n')
  #parts = 0

  constructor(boundary: string, open: (head: PartHead) => PartSink) {
    this.#delimiter = new TextEncoder().encode(`\r\n--${boundary}`)
    this.#open = open
  }

  /** @throws ApiError `invalid_request` for what is no form */
  push(chunk: Uint8Array) {
    let data = concat(this.#rest, chunk)
    for (let consumed = this.#step(data); consumed > 0; consumed = this.#step(data))
      data = data.subarray(consumed)
    this.#rest = data.slice()
  }

  /** @throws ApiError `invalid_request` when the form was cut off */
  end() {
    if (this.#state !== 'done') throw broken('it is cut off')
  }

  /** How many bytes it could use; 0: more are needed. */
  #step(data: Uint8Array): number {
    if (data.length === 0) return 0
    if (this.#state === 'done') return data.length
    if (this.#state === 'content') return this.#content(data)
    return this.#state === 'delimited' ? this.#delimited(data) : this.#head(data)
  }

  #content(data: Uint8Array): number {
    for (let at = data.indexOf(carriageReturn); at !== -1; at = data.indexOf(carriageReturn, at + 1)) {
      const candidate = data.subarray(at, at + this.#delimiter.length)
      if (!candidate.every((byte, index) => byte === this.#delimiter[index])) continue
      if (at > 0) this.#sink?.write(data.subarray(0, at))
      if (candidate.length < this.#delimiter.length) return at
      this.#sink?.end()
      this.#sink = null
      this.#state = 'delimited'
      return at + this.#delimiter.length
    }
    this.#sink?.write(data)
    return data.length
  }

  /** After a delimiter: `--` ends the form, a line break begins a part. */
  #delimited(data: Uint8Array): number {
    if (data.length < 2) return 0
    const text = String.fromCharCode(data[0] ?? 0, data[1] ?? 0)
    if (text !== '--' && text !== '\r\n') throw broken('a boundary is followed by something else')
    this.#state = text === '--' ? 'done' : 'head'
    return 2
  }

  #head(data: Uint8Array): number {
    const text = new TextDecoder().decode(data.subarray(0, maxHeadBytes))
    const end = text.indexOf('\r\n\r\n')
    if (end === -1) {
      if (data.length >= maxHeadBytes) throw broken(`a part's headers are over ${maxHeadBytes} bytes`)
      return 0
    }
    if (++this.#parts > maxParts) throw broken(`it has over ${maxParts} parts`)
    const head = text.slice(0, end)
    this.#sink = this.#open(parseHead(head))
    this.#state = 'content'
    return new TextEncoder().encode(head).length + 4
  }
}

/** The boundary in a content type; null when there is none. */
export function boundaryOf(contentType: string): string | null {
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType) ?? []
  return quoted ?? plain ?? null
}

function parseHead(head: string): PartHead {
  const disposition = /^content-disposition:\s*form-data\s*(;.*)$/im.exec(head)?.[1] ?? ''
  const name = /;\s*name="((?:[^"\\]|\\.)*)"/i.exec(disposition)?.[1]
  if (name === undefined) throw broken('a part has no name')
  return { name, isFile: /;\s*filename\*?=/i.test(disposition) }
}

function broken(reason: string) {
  return new ApiError('invalid_request', `the body is not valid multipart/form-data: ${reason}`)
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b
  const joined = new Uint8Array(a.length + b.length)
  joined.set(a)
  joined.set(b, a.length)
  return joined
}
