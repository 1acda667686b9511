import { expect, test } from 'vitest'
import { receivePicture } from '../../../backend/vision/receive-picture.ts'

const limits = { maxBytes: 1000, maxPixels: 1000 }
const patient = { minBytesPerSecond: 0, graceMs: 60_000 }

async function* inPieces(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += 3) yield bytes.subarray(at, at + 3)
}

test('a file of no known format is taken in whole only where somebody may know it', async () => {
  const file = Buffer.from('BARS of a format of its own')
  await expect(receivePicture(inPieces(file), limits, patient, 'image')).rejects.toThrow('no picture')
  const taken = await receivePicture(inPieces(file), { ...limits, takesUnknown: true }, patient, 'image')
  expect(Buffer.from(taken)).toEqual(file)
})

test('a broken picture of a known format is refused all the same, and so is one that is too large', async () => {
  const takesUnknown = { ...limits, takesUnknown: true }
  const broken = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(100)])
  await expect(receivePicture(inPieces(broken), takesUnknown, patient, 'image')).rejects.toThrow('no picture')
  const large = Buffer.alloc(1001)
  await expect(receivePicture(inPieces(large), takesUnknown, patient, 'image')).rejects.toMatchObject({
    code: 'image_too_large',
  })
})
