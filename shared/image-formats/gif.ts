import { type HeaderReading, needsBytes, refused, viewOf } from './reading.ts'

const extension = 0x21
const imageDescriptor = 0x2c

/** Size of the logical screen (GIF89a, section 18); frames are counted as far as the bytes reach. */
export function readGifHeader(bytes: Uint8Array): HeaderReading {
  if (bytes.length < 13) return needsBytes(13)
  const view = viewOf(bytes)
  const width = view.getUint16(6, true)
  const height = view.getUint16(8, true)
  if (width === 0 || height === 0) return refused('its GIF header gives no size')
  const frames = countFrames(bytes, 13 + colourTableBytes(view.getUint8(10)))
  return { type: 'header', header: { format: 'gif', width, height, orientation: 1, frames } }
}

function colourTableBytes(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 << ((flags & 7) + 1)
}

function countFrames(bytes: Uint8Array, start: number): number {
  let frames = 0
  let offset = start
  while (offset < bytes.length) {
    const block = bytes[offset]
    if (block === imageDescriptor) {
      frames += 1
      offset = skipSubBlocks(bytes, offset + 11 + colourTableBytes(bytes[offset + 9] ?? 0))
    } else if (block === extension) {
      offset = skipSubBlocks(bytes, offset + 2)
    } else {
      break // the trailer, or damage that the decoder will find
    }
  }
  return Math.max(1, frames)
}

/** Sub-blocks are a length and as many bytes each; a length of 0 ends them. */
function skipSubBlocks(bytes: Uint8Array, start: number): number {
  let offset = start
  for (;;) {
    const length = bytes[offset] ?? 0
    offset += length + 1
    if (length === 0) return offset
  }
}
