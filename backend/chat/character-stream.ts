/** Bytes to text, a token at a time: bytes of an unfinished character wait for the rest. Invalid ones become U+FFFD. */
export class CharacterStream {
  #decoder = newDecoder()

  push(bytes: Uint8Array): string {
    return this.#decoder.decode(bytes, { stream: true })
  }

  /** Drops an unfinished character: what follows does not continue it. */
  reset() {
    this.#decoder = newDecoder()
  }
}

function newDecoder() {
  return new TextDecoder('utf-8', { ignoreBOM: true })
}
