const startOfScan = 0xda
const endOfImage = 0xd9

/**
 * How many scans a JPEG has, counted up to `most`. Each scan of a progressive picture goes over all its pixels, and an
 * empty one takes some twenty bytes: a small file could keep a decoder busy for minutes.
 */
export function countScans(jpeg: Uint8Array, most: number): number {
  let scans = 0
  let offset = 2
  while (scans < most && offset + 4 <= jpeg.length) {
    const marker = jpeg[offset + 1]
    if (jpeg[offset] !== 0xff || marker === endOfImage) break
    const segmentEnd = offset + 2 + (jpeg[offset + 2] ?? 0) * 256 + (jpeg[offset + 3] ?? 0)
    if (marker === startOfScan) {
      scans += 1
      offset = nextMarker(jpeg, segmentEnd)
    } else {
      offset = marker === 0xff ? offset + 1 : segmentEnd
    }
  }
  return scans
}

/** Past coded data, in which 0xff is followed by 0 or a restart marker (T.81, B.1.1.5). */
function nextMarker(jpeg: Uint8Array, from: number): number {
  for (let offset = from; ; offset += 1) {
    offset = jpeg.indexOf(0xff, offset)
    if (offset === -1) return jpeg.length
    const next = jpeg[offset + 1] ?? 0
    if (next !== 0 && next !== 0xff && (next < 0xd0 || next > 0xd7)) return offset
  }
}
