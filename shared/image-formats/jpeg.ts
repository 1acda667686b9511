import { exifOrientation } from './exif.ts'
import { type HeaderReading, needsBytes, type Orientation, refused, viewOf } from './reading.ts'

/** A real file has a few dozen; the bound keeps a file of empty segments cheap. */
const maxSegments = 1024
const exifSignature = [0x45, 0x78, 0x69, 0x66, 0, 0] // "Exif\0\0"

const startOfScan = 0xda
const app1 = 0xe1

/** Walks the segments of a JPEG (ITU T.81, annex B) to its frame header. */
export function readJpegHeader(bytes: Uint8Array): HeaderReading {
  const view = viewOf(bytes)
  let orientation: Orientation | null = null
  let offset = 2
  for (let segment = 0; segment < maxSegments; segment++) {
    if (bytes.length < offset + 4) return needsBytes(offset + 4)
    if (view.getUint8(offset) !== 0xff) return refused('its JPEG segments are damaged')
    const marker = view.getUint8(offset + 1)
    if (marker === 0xff) {
      offset += 1 // fill byte before a marker (T.81, B.1.1.2)
      continue
    }
    if (marker === startOfScan || marker < 0xc0 || (marker >= 0xd0 && marker <= 0xd9)) {
      return refused('its JPEG data begins before its size is given')
    }
    const end = offset + 2 + view.getUint16(offset + 2)
    if (end < offset + 4) return refused('its JPEG segments are damaged')
    if (isFrameHeader(marker)) return readFrameHeader(view, offset, orientation ?? 1)
    if (marker === app1 && orientation === null) {
      if (bytes.length < end) return needsBytes(end)
      const payload = bytes.subarray(offset + 4, end)
      if (exifSignature.every((byte, i) => payload[i] === byte)) {
        orientation = exifOrientation(payload.subarray(exifSignature.length))
      }
    }
    offset = end
  }
  return refused('it has too many JPEG segments')
}

/** SOF0…SOF15 without DHT (C4), JPG (C8) and DAC (CC). */
function isFrameHeader(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
}

function readFrameHeader(view: DataView, offset: number, orientation: Orientation): HeaderReading {
  if (view.byteLength < offset + 10) return needsBytes(offset + 10)
  const height = view.getUint16(offset + 5)
  const width = view.getUint16(offset + 7)
  const components = view.getUint8(offset + 9)
  // a height of 0 promises it after the first scan (DNL), which no common decoder reads
  if (width === 0 || height === 0) return refused('its JPEG header gives no size')
  if (components !== 1 && components !== 3 && components !== 4) {
    return refused('its JPEG header has an unknown number of colour components')
  }
  return { type: 'header', header: { format: 'jpeg', width, height, orientation, frames: 1 } }
}
