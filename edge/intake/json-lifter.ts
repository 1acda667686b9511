import { parseDataUri } from '../../shared/data-uri.ts'
import { ApiError } from '../../shared/errors.ts'
import type { Attachments } from './attachments.ts'
import { Base64Decoder } from './base64-decoder.ts'
import type { ByteWriter } from './byte-writer.ts'

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
/** `data:image/` and a subtype of at most 32 characters, each perhaps behind a backslash. */
const maxPrefixBytes = 80
const dataScheme = new TextEncoder().encode('data:')
const slash = 0x2f

type State =
  | { readonly type: 'between' }
  /** In a string that is no picture; `escaped`: the last byte was a lone backslash. */
  | { readonly type: 'text'; escaped: boolean }
  /** At the start of a string, which may become a picture. `carried`: bytes of the head that came in earlier chunks. */
  | { readonly type: 'start'; readonly head: number[]; carried: number }
  | { readonly type: 'picture'; readonly decoder: Base64Decoder; escaped: boolean; valid: boolean }

/**
 * Takes the pictures out of a JSON text while it comes in: each `data:image/…;base64,` string is decoded to bytes at
 * once, and a short reference stands in its place. What is left is small enough to parse.
 */
export class JsonLifter {
  readonly #json: ByteWriter
  readonly #attachments: Attachments
  #state: State = { type: 'between' }
  /** Up to here the chunk at hand is taken care of; what follows is copied in one go. */
  #settled = 0

  constructor(json: ByteWriter, attachments: Attachments) {
    this.#json = json
    this.#attachments = attachments
  }

  push(chunk: Uint8Array) {
    this.#settled = 0
    for (let at = 0; at < chunk.length; ) at = this.#step(chunk, at)
    const state = this.#state
    if (state.type === 'picture') return
    this.#copyUntil(chunk, state.type === 'start' ? headStart(state, chunk.length) : chunk.length)
    if (state.type === 'start') state.carried = state.head.length
  }

  /** @throws ApiError `invalid_json` when the text ends inside a string. */
  end() {
    if (this.#state.type !== 'between') throw new ApiError('invalid_json', 'the body ends inside a string')
  }

  /** Consumes some of the chunk from `at` on; returns where it stopped. */
  #step(chunk: Uint8Array, at: number): number {
    const state = this.#state
    switch (state.type) {
      case 'between':
        return this.#between(chunk, at)
      case 'start':
        return this.#start(state, chunk, at)
      case 'text':
        return this.#text(state, chunk, at)
      case 'picture':
        return this.#picture(state, chunk, at)
    }
  }

  #between(chunk: Uint8Array, at: number): number {
    const found = chunk.indexOf(quote, at)
    if (found === -1) return chunk.length
    this.#state = { type: 'start', head: [], carried: 0 }
    return found + 1
  }

  #start(state: Extract<State, { type: 'start' }>, chunk: Uint8Array, at: number): number {
    const byte = chunk[at] ?? 0
    const { head } = state
    const plain = head.filter((known) => known !== backslash)
    const ofScheme =
      plain.length >= dataScheme.length ||
      (byte | 0x20) === dataScheme[plain.length] ||
      byte === dataScheme[plain.length]
    const mayBePicture = ofScheme && byte !== quote && head.length < maxPrefixBytes
    if (!mayBePicture || !isPrefixByte(byte, head)) return this.#becomeText(state, at)
    head.push(byte)
    if (byte === comma) {
      if (!isPicturePrefix(plain)) return this.#becomeText(state, at + 1)
      this.#copyUntil(chunk, headStart(state, at + 1))
      const decoder = new Base64Decoder(this.#attachments.writer)
      this.#attachments.begin()
      this.#state = { type: 'picture', decoder, escaped: false, valid: true }
    }
    return at + 1
  }

  #becomeText({ head, carried }: Extract<State, { type: 'start' }>, at: number): number {
    if (carried > 0) this.#json.append(Uint8Array.from(head.slice(0, carried)))
    const escaped = head.at(-1) === backslash
    this.#state = { type: 'text', escaped }
    return at
  }

  #text(state: Extract<State, { type: 'text' }>, chunk: Uint8Array, at: number): number {
    let end = at
    let closed = false
    while (end < chunk.length && !closed) {
      const byte = chunk[end++]
      if (state.escaped) state.escaped = false
      else if (byte === backslash) state.escaped = true
      else closed = byte === quote
    }
    if (closed) this.#state = { type: 'between' }
    return end
  }

  #picture(state: Extract<State, { type: 'picture' }>, chunk: Uint8Array, at: number): number {
    const found = chunk.indexOf(quote, at)
    const end = found === -1 ? chunk.length : found
    const piece = this.#unescaped(state, chunk.subarray(at, end))
    // A quote behind a backslash does not close the string; it is no base64 either.
    if (state.escaped && found !== -1) {
      state.valid = false
      state.escaped = false
      return end + 1
    }
    if (state.valid && !(piece && state.decoder.push(piece))) state.valid = false
    if (!state.valid) this.#attachments.dropBytes()
    this.#attachments.checkSize()
    if (found === -1) return end
    const reference = this.#attachments.finish(
      state.valid && state.decoder.end() ? null : 'its base64 is not valid',
    )
    this.#json.appendText(`${reference}"`)
    this.#state = { type: 'between' }
    this.#settled = end + 1
    return end + 1
  }

  #copyUntil(chunk: Uint8Array, end: number) {
    if (end > this.#settled) this.#json.append(chunk.subarray(this.#settled, end))
  }

  /** The piece without the backslashes some clients put before `/`; null when it holds any other escape. */
  #unescaped(state: { escaped: boolean }, piece: Uint8Array): Uint8Array | null {
    if (!state.escaped && !piece.includes(backslash)) return piece
    const plain: number[] = []
    for (const byte of piece) {
      if (state.escaped && byte !== slash) return null
      state.escaped = !state.escaped && byte === backslash
      if (!state.escaped) plain.push(byte)
    }
    return Uint8Array.from(plain)
  }
}

/** Where in the chunk at hand a string's head begins that ends at `end`. */
function headStart({ head, carried }: { head: readonly number[]; carried: number }, end: number): number {
  return end - (head.length - carried)
}

/** Backslashes only where they escape a slash. */
function isPrefixByte(byte: number, head: readonly number[]): boolean {
  if (head.at(-1) === backslash) return byte === slash
  return byte >= 0x20 && byte < 0x7f
}

function isPicturePrefix(prefix: readonly number[]): boolean {
  const text = `${String.fromCharCode(...prefix)},AAAA`
  return parseDataUri(text, Number.MAX_SAFE_INTEGER).type === 'image'
}
