import { exifOrientation } from './exif.ts'
import {
  fourCharacters,
  type HeaderReading,
  needsBytes,
  type Orientation,
  refused,
  viewOf,
} from './reading.ts'

const headerEnd = 33 // signature 8, length 4, type 4, IHDR 13, CRC 4
const maxChunks = 1024

/** Bit depths each colour type may have (PNG 3rd edition, table 12). */
const bitDepths: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
}

/** Size from IHDR; frames (acTL) and orientation (eXIf) from the chunks before the pixels. */
export function readPngHeader(bytes: Uint8Array): HeaderReading {
  if (bytes.length < headerEnd) return needsBytes(headerEnd)
  const view = viewOf(bytes)
  if (view.getUint32(8) !== 13 || fourCharacters(bytes, 12) !== 'IHDR') {
    return refused('its PNG data does not begin with a header')
  }
  const width = view.getUint32(16)
  const height = view.getUint32(20)
  if (width === 0 || height === 0 || width > 0x7fffffff || height > 0x7fffffff) {
    return refused('its PNG header gives no valid size')
  }
  const depths = bitDepths[view.getUint8(25)]
  if (!depths?.includes(view.getUint8(24)) || view.getUint16(26) !== 0 || view.getUint8(28) > 1) {
    return refused('its PNG header has an unknown kind of pixels')
  }
  return { type: 'header', header: { format: 'png', width, height, ...readAncillary(bytes, view) } }
}

function readAncillary(bytes: Uint8Array, view: DataView): { orientation: Orientation; frames: number } {
  let orientation: Orientation = 1
  let frames = 1
  let offset = headerEnd
  for (let chunk = 0; chunk < maxChunks && offset + 8 <= bytes.length; chunk++) {
    const type = fourCharacters(bytes, offset + 4)
    const start = offset + 8
    const end = start + view.getUint32(offset)
    if (type === 'IDAT' || end > bytes.length) break
    if (type === 'acTL' && end - start >= 4) frames = Math.max(1, view.getUint32(start))
    if (type === 'eXIf') orientation = exifOrientation(bytes.subarray(start, end))
    offset = end + 4
  }
  return { orientation, frames }
}
