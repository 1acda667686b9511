import { exifOrientation } from './exif.ts'
import {
  fourCharacters,
  type HeaderReading,
  type ImageHeader,
  needsBytes,
  type Orientation,
  refused,
  viewOf,
} from './reading.ts'

const firstChunk = 12 // after "RIFF", size, "WEBP"
const exifFlag = 0x08
const animationFlag = 0x02
const maxChunks = 65_536

/** The three kinds of WebP (RFC 9649): lossy, lossless and extended. */
export function readWebpHeader(bytes: Uint8Array): HeaderReading {
  if (bytes.length < 30) return needsBytes(30)
  const view = viewOf(bytes)
  switch (fourCharacters(bytes, firstChunk)) {
    case 'VP8 ':
      return readLossy(view)
    case 'VP8L':
      return readLossless(view)
    case 'VP8X':
      return readExtended(bytes, view)
    default:
      return refused('its WebP data does not begin with a picture')
  }
}

/** RFC 6386, section 9.1. */
function readLossy(view: DataView): HeaderReading {
  const isKeyFrame = (view.getUint8(20) & 1) === 0
  const hasStartCode = view.getUint16(23) === 0x9d01 && view.getUint8(25) === 0x2a
  if (!isKeyFrame || !hasStartCode) return refused('its WebP header is damaged')
  return sized(view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff)
}

/** RFC 9649, section 3.4: fourteen bits each of width − 1 and height − 1. */
function readLossless(view: DataView): HeaderReading {
  if (view.getUint8(20) !== 0x2f) return refused('its WebP header is damaged')
  const bits = view.getUint32(21, true)
  return sized((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1)
}

/** RFC 9649, section 2.7: a canvas of up to 2^24 on a side, then chunks. */
function readExtended(bytes: Uint8Array, view: DataView): HeaderReading {
  const flags = view.getUint8(20)
  const width = (view.getUint32(24, true) & 0xffffff) + 1
  const height = (view.getUint32(26, true) >>> 8) + 1
  let orientation: Orientation = 1
  let frames = 0
  let offset = firstChunk
  for (let chunk = 0; chunk < maxChunks && offset + 8 <= bytes.length; chunk++) {
    const type = fourCharacters(bytes, offset)
    const start = offset + 8
    const end = start + view.getUint32(offset + 4, true)
    if (type === 'ANMF' && (flags & animationFlag) !== 0) frames += 1
    if (type === 'EXIF' && (flags & exifFlag) !== 0 && end <= bytes.length) {
      orientation = webpOrientation(bytes.subarray(start, end))
    }
    offset = end + (end & 1)
  }
  return sized(width, height, { orientation, frames: Math.max(1, frames) })
}

/** The TIFF block, which some writers begin with JPEG's "Exif\0\0". */
function webpOrientation(exif: Uint8Array): Orientation {
  const prefixed = exif.length > 6 && fourCharacters(exif, 0) === 'Exif'
  return exifOrientation(prefixed ? exif.subarray(6) : exif)
}

function sized(
  width: number,
  height: number,
  rest: Pick<ImageHeader, 'orientation' | 'frames'> = { orientation: 1, frames: 1 },
): HeaderReading {
  if (width === 0 || height === 0) return refused('its WebP header gives no size')
  return { type: 'header', header: { format: 'webp', width, height, ...rest } }
}
