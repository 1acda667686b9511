import { type Orientation, viewOf } from './reading.ts'

const orientationTag = 0x0112
const shortType = 3
const entryBytes = 12
/** A first directory has some twenty entries; a file that claims more is not searched to its end. */
const maxEntries = 512

/** Orientation from a TIFF block (EXIF 2.32, section 4.6), 1 where it does not say or cannot be read. */
export function exifOrientation(tiff: Uint8Array): Orientation {
  if (tiff.length < 8) return 1
  const view = viewOf(tiff)
  const byteOrder = view.getUint16(0)
  if (byteOrder !== 0x4949 && byteOrder !== 0x4d4d) return 1
  const littleEndian = byteOrder === 0x4949
  if (view.getUint16(2, littleEndian) !== 42) return 1
  const directory = view.getUint32(4, littleEndian)
  if (directory + 2 > tiff.length) return 1
  const entries = Math.min(view.getUint16(directory, littleEndian), maxEntries)
  for (let i = 0; i < entries; i++) {
    const entry = directory + 2 + i * entryBytes
    if (entry + entryBytes > tiff.length) return 1
    if (view.getUint16(entry, littleEndian) !== orientationTag) continue
    if (view.getUint16(entry + 2, littleEndian) !== shortType) return 1
    return asOrientation(view.getUint16(entry + 8, littleEndian))
  }
  return 1
}

function asOrientation(value: number): Orientation {
  switch (value) {
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
      return value
    default:
      return 1
  }
}
