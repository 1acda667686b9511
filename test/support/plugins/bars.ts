import type { Plugin } from '../../../backend/plugins/plugin.ts'

/** A format of its own: `BARS`, then a grey level for each column of a picture 64 pixels high. */
export const plugin: Plugin = {
  decodeImage: (bytes) => {
    if (Buffer.from(bytes.subarray(0, 4)).toString('latin1') !== 'BARS') return null
    const row = bytes.subarray(4)
    if (row.length === 0) return { refuse: 'there are no bars' }
    const height = 64
    const data = new Uint8Array(row.length * height)
    for (let y = 0; y < height; y += 1) data.set(row, y * row.length)
    return { width: row.length, height, channels: 1, data }
  },
}
