import { foreignFormat } from './image-formats/foreign.ts'
import { readGifHeader } from './image-formats/gif.ts'
import { readJpegHeader } from './image-formats/jpeg.ts'
import { readPngHeader } from './image-formats/png.ts'
import { type HeaderReading, type ImageHeader, needsBytes, refused } from './image-formats/reading.ts'
import { readWebpHeader } from './image-formats/webp.ts'
import type { PixelSize } from './resize-rule.ts'

interface Format {
  /** Byte by byte from the file's start; null is any byte. */
  readonly signature: readonly (number | null)[]
  readonly read: (bytes: Uint8Array) => HeaderReading
}

const webpSignature = [0x52, 0x49, 0x46, 0x46, null, null, null, null, 0x57, 0x45, 0x42, 0x50] // RIFF….WEBP

const formats: readonly Format[] = [
  { signature: [0xff, 0xd8, 0xff], read: readJpegHeader },
  { signature: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], read: readPngHeader },
  { signature: webpSignature, read: readWebpHeader },
  { signature: [0x47, 0x49, 0x46, 0x38, 0x37, 0x61], read: readGifHeader }, // GIF87a
  { signature: [0x47, 0x49, 0x46, 0x38, 0x39, 0x61], read: readGifHeader }, // GIF89a
]

const supported = 'supported are JPEG, PNG, WebP and GIF'

/**
 * Reads format and size from a picture's first bytes; never throws and never looks at a label. It answers as soon as
 * the size is known: what stands later in the file (see `ImageHeader`) is found by reading again with all bytes.
 */
export function readImageHeader(bytes: Uint8Array): HeaderReading {
  const format = formats.find(({ signature }) => beginsLike(bytes, signature))
  if (format !== undefined) {
    const { signature, read } = format
    return bytes.length < signature.length ? needsBytes(signature.length) : read(bytes)
  }
  const name = foreignFormat(bytes)
  return refused(name === null ? `it is of no known format; ${supported}` : `it is ${name}; ${supported}`)
}

/** Whether the bytes, as far as they are there, begin like a format that is read here; broken or not. */
export function isKnownFormat(bytes: Uint8Array): boolean {
  return formats.some(({ signature }) => beginsLike(bytes, signature))
}

function beginsLike(bytes: Uint8Array, signature: Format['signature']): boolean {
  return signature.slice(0, bytes.length).every((byte, i) => byte === null || byte === bytes[i])
}

/** Size as the picture is looked at: turned by its EXIF orientation. */
export function displaySize({ width, height, orientation }: ImageHeader): PixelSize {
  return orientation >= 5 ? { width: height, height: width } : { width, height }
}
