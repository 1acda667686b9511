type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif'

/** EXIF orientation (tag 0x0112): 1 is upright, 5…8 swap width and height on display. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

export interface ImageHeader {
  readonly format: ImageFormat
  /** As stored, before orientation; at least 1. */
  readonly width: number
  readonly height: number
  /** JPEG: always known. PNG, WebP: as far as the bytes given reach (WebP keeps EXIF after the pixels). */
  readonly orientation: Orientation
  /** PNG: declared. GIF, WebP: seen in the bytes given. At least 1. */
  readonly frames: number
}

export type HeaderReading =
  | { readonly type: 'header'; readonly header: ImageHeader }
  /** Nothing can be said before the file's first `bytes` bytes are there; never over `headerSearchBytes`. */
  | { readonly type: 'more'; readonly bytes: number }
  /** `reason` completes "the picture is refused: …" and holds nothing of the picture's content. */
  | { readonly type: 'refused'; readonly reason: string }

/** How far into a file its size is looked for. JPEG alone needs it: colour profiles and maker notes come first. */
export const headerSearchBytes = 4 * 1024 * 1024

export function refused(reason: string): HeaderReading {
  return { type: 'refused', reason }
}

export function needsBytes(bytes: number): HeaderReading {
  if (bytes > headerSearchBytes) return refused('its size does not stand within the first 4 MiB')
  return { type: 'more', bytes }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Four bytes as text: the type of a PNG or RIFF chunk. */
export function fourCharacters(bytes: Uint8Array, offset: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + 4))
}
