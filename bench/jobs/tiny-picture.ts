import { crc32, deflateSync } from 'node:zlib'

const SIDE = 32

/** A grey PNG of 32 × 32 as a data URI: the least a model can look at, so that a run measures the queue. */
export const tinyPicture = `data:image/png;base64,${png().toString('base64')}`

function png(): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(SIDE, 0)
  header.writeUInt32BE(SIDE, 4)
  header.set([8, 0], 8) // 8 bits, grey
  const rows = Buffer.alloc(SIDE * (SIDE + 1), 0x80)
  for (let row = 0; row < SIDE; row++) rows[row * (SIDE + 1)] = 0 // no filter
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.of()),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length, 0)
  body.copy(framed, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}
