/**
 * The 256 characters byte-level BPE writes bytes with (GPT-2's table): printable Latin-1 stands for itself, every
 * other byte, in order, for a character from U+0100 up.
 */
const printable = (byte: number) =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae

let next = 0x100
const characters = Array.from({ length: 256 }, (_, byte) =>
  String.fromCharCode(printable(byte) ? byte : next++),
)
const bytes = new Map(characters.map((character, byte) => [character, byte]))

/** The character that stands for a byte. */
export function byteCharacter(byte: number): string {
  return characters[byte] ?? ''
}

/** The bytes a vocabulary entry stands for, or null when it is not written in the alphabet. */
export function bytesOfEntry(entry: string): number[] | null {
  const result: number[] = []
  for (const character of entry) {
    const byte = bytes.get(character)
    if (byte === undefined) return null
    result.push(byte)
  }
  return result
}
