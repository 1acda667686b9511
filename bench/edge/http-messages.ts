const headEnd = '\r\n\r\n'
const lastChunk = '0\r\n\r\n'

/** `first` and `last`: both ends of the body, framing included where it comes in chunks. */
type Handle = (head: string, first: Buffer, last: Buffer) => void

/**
 * HTTP/1.1 messages of one connection, one after the other, just well enough for peers that behave: a body has a
 * `content-length` or comes in chunks whose last arrives whole.
 */
export class HttpMessages {
  readonly #keptBytes: number
  readonly #handle: Handle
  #head: string | null = null
  /** Of the body; null: it comes in chunks. */
  #left: number | null = 0
  #first: Buffer = Buffer.alloc(0)
  #last: Buffer = Buffer.alloc(0)
  #pending: Buffer = Buffer.alloc(0)

  constructor(keptBytes: number, handle: Handle) {
    this.#keptBytes = keptBytes
    this.#handle = handle
  }

  push(bytes: Buffer) {
    if (this.#head !== null) return this.#body(bytes)
    const all = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes])
    const end = all.indexOf(headEnd)
    this.#pending = end === -1 ? all : Buffer.alloc(0)
    if (end === -1) return
    const head = all.toString('latin1', 0, end)
    this.#head = head
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    this.#left = length === undefined && /\r\ntransfer-encoding:/i.test(head) ? null : Number(length ?? 0)
    this.#first = Buffer.alloc(0)
    this.#last = Buffer.alloc(0)
    this.#body(all.subarray(end + headEnd.length))
  }

  #body(bytes: Buffer) {
    if (this.#first.length === 0) this.#first = bytes.subarray(0, this.#keptBytes)
    if (bytes.length > 0) this.#last = bytes.subarray(-this.#keptBytes)
    if (this.#left === null) {
      if (this.#last.toString('latin1').endsWith(lastChunk)) this.#end()
      return
    }
    this.#left -= bytes.length
    if (this.#left <= 0) this.#end()
  }

  #end() {
    const head = this.#head ?? ''
    this.#head = null
    this.#handle(head, this.#first, this.#last)
  }
}
