import type { ByteWriter } from './byte-writer.ts'

// Not yet in TypeScript's ES2024 library (TC39 proposal-arraybuffer-base64, stage 4).
interface Base64Target {
  setFromBase64(text: string, options: { lastChunkHandling: 'strict' }): { read: number; written: number }
}

/** Texts this short are collected young; longer ones pile up until the whole heap is collected (bench/edge). */
const sliceBytes = 16 * 1024

/** Decodes canonical base64 that comes in pieces, straight to its place: no white space, padding only at the end. */
export class Base64Decoder {
  readonly #out: ByteWriter
  readonly #text = new TextDecoder()
  #carry = ''
  #ended = false

  constructor(out: ByteWriter) {
    this.#out = out
  }

  /** False when the piece is not base64. */
  push(piece: Uint8Array): boolean {
    for (let at = 0; at < piece.length; at += sliceBytes) {
      if (!this.#push(this.#carry + this.#text.decode(piece.subarray(at, at + sliceBytes)))) return false
    }
    return true
  }

  /** False when the text was cut off. */
  end(): boolean {
    return this.#carry === ''
  }

  #push(text: string): boolean {
    const whole = text.length - (text.length % 4)
    this.#carry = text.slice(whole)
    if (whole === 0) return !this.#ended
    if (this.#ended) return false
    const padding = text[whole - 1] !== '=' ? 0 : text[whole - 2] === '=' ? 2 : 1
    this.#ended = padding > 0
    const size = (whole / 4) * 3 - padding
    // A view of the writer's own buffer; every engine we run on has the method, see base64-decoder.test.ts.
    const target = this.#out.room(size) as unknown as Base64Target
    try {
      const { written } = target.setFromBase64(text.slice(0, whole), { lastChunkHandling: 'strict' })
      // White space is skipped by the platform's decoder, and leaves fewer bytes than there should be.
      if (written !== size) return false
    } catch {
      // A SyntaxError: not the alphabet, or padding bits that are not zero.
      return false
    }
    this.#out.advance(size)
    return true
  }
}
