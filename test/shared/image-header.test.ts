import sharp from 'sharp'
import { expect, test } from 'vitest'
import { type HeaderReading, headerSearchBytes } from '../../shared/image-formats/reading.ts'
import { displaySize, readImageHeader } from '../../shared/image-header.ts'
import { damaged, makePictures } from '../support/make-pictures.ts'
import { Random, testSeed } from '../support/random.ts'

const seed = testSeed()

test(`every format's header is read as libvips reads it (seed ${seed})`, async () => {
  const random = new Random(seed)
  for (let round = 0; round < 5; round++) {
    for (const { name, bytes, width, height, orientation, frames } of await makePictures(random)) {
      const format = name.split(',')[0]
      const reading = readImageHeader(bytes)
      const header = { format, width, height, orientation, frames }
      expect(reading, name).toEqual({ type: 'header', header })

      const theirs = await sharp(bytes).metadata()
      const one = { format: theirs.format, width: theirs.width, height: theirs.height }
      expect({ format, width, height }, name).toEqual(one)
      expect(theirs.orientation ?? 1, name).toBe(orientation)
      if (format !== 'png') expect(theirs.pages ?? 1, name).toBe(frames)
      expect(reading.type === 'header' && displaySize(reading.header), name).toEqual(theirs.autoOrient)
    }
  }
})

test(`reading byte by byte asks for no more than it needs and ends at the same size (seed ${seed})`, async () => {
  for (const { name, bytes, width, height } of await makePictures(new Random(seed))) {
    let reading: HeaderReading = { type: 'more', bytes: 1 }
    let given = 0
    while (reading.type === 'more') {
      expect(reading.bytes, name).toBeGreaterThan(given)
      for (given += 1; given < reading.bytes; given++) {
        expect(readImageHeader(bytes.subarray(0, given)).type, name).toBe('more')
      }
      reading = readImageHeader(bytes.subarray(0, given))
    }
    expect(reading, name).toMatchObject({ type: 'header', header: { width, height } })
  }
})

test(`damaged files are read, refused or found cut off, never thrown at (seed ${seed})`, async () => {
  const random = new Random(seed)
  for (const { name, bytes } of await makePictures(random)) {
    for (let i = 0; i < 300; i++) {
      const reading = readImageHeader(damaged(bytes, random))
      if (reading.type === 'header') {
        const { width, height, frames, orientation } = reading.header
        expect(Math.min(width, height, frames), name).toBeGreaterThanOrEqual(1)
        expect(orientation, name).toBeGreaterThanOrEqual(1)
        expect(orientation, name).toBeLessThanOrEqual(8)
      }
      if (reading.type === 'more') expect(reading.bytes, name).toBeLessThanOrEqual(headerSearchBytes)
    }
  }
})

test(`random bytes are refused or too few (seed ${seed})`, () => {
  const random = new Random(seed)
  for (let i = 0; i < 5000; i++) {
    const bytes = Uint8Array.from({ length: random.below(200) }, () => random.below(256))
    const reading = readImageHeader(bytes)
    expect(reading.type === 'header', String(bytes)).toBe(false)
  }
})

test.each([
  ['SVG', '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>'],
  ['SVG', '\ufeff  <?xml version="1.0"?>\n<!-- a -->\n<svg/>'],
  ['HTML', '\n<!DOCTYPE html><html>'],
  ['JSON', '{"error":"not found"}'],
  ['PDF', '%PDF-1.7'],
  ['TIFF', 'II*\0\x08\0\0\0'],
  ['TIFF', 'MM\0*\0\0\0\x08'],
  ['HEIC or AVIF', '\0\0\0\x18ftypheic'],
  ['HEIC or AVIF', '\0\0\0\x20ftypavif'],
  ['BMP', 'BM\x36\0\0\0'],
  ['a Windows icon', '\0\0\x01\0\x01\0'],
  ['JPEG XL', '\xff\x0a\x00'],
  ['a ZIP archive', 'PK\x03\x04'],
  ['gzip', '\x1f\x8b\x08'],
])('%s is refused by its name', (name, start) => {
  const bytes =
    name === 'SVG' || name === 'HTML' ? new TextEncoder().encode(start) : Buffer.from(start, 'latin1')
  expect(readImageHeader(bytes)).toMatchObject({ type: 'refused', reason: expect.stringContaining(name) })
})

test('nothing and the beginning of a signature ask for more', () => {
  expect(readImageHeader(new Uint8Array())).toMatchObject({ type: 'more' })
  expect(readImageHeader(Uint8Array.of(0xff, 0xd8))).toEqual({ type: 'more', bytes: 3 })
  expect(readImageHeader(new TextEncoder().encode('RIFF1234'))).toEqual({ type: 'more', bytes: 12 })
})

test('a JPEG of endless segments is refused within its bound', () => {
  const comment = [0xff, 0xfe, 0, 2]
  const many = Uint8Array.from([0xff, 0xd8, ...Array.from({ length: 20_000 }, () => comment).flat()])
  expect(readImageHeader(many).type).toBe('refused')
  const long = Buffer.alloc(6_000_000)
  long.set([0xff, 0xd8])
  for (let i = 2; i + 4 < long.length; i += 65_537) long.set([0xff, 0xe2, 0xff, 0xff], i)
  expect(readImageHeader(long)).toMatchObject({ type: 'refused', reason: expect.stringContaining('4 MiB') })
})

test.each([
  ['PNG of no width', 'png', 16, [0, 0, 0, 0]],
  ['PNG wider than a PNG can be', 'png', 16, [0xff, 0, 0, 0]],
  ['PNG of unknown bit depth', 'png', 24, [3]],
  ['PNG of unknown colour type', 'png', 25, [5]],
  ['GIF of no height', 'gif', 8, [0, 0]],
  ['WebP without start code', 'webp', 23, [0, 0, 0]],
])('a %s is refused', async (_what, format, offset, bytes) => {
  const picture = await sharp({ create: { width: 9, height: 9, channels: 3, background: '#fff' } })
    .toFormat(format as 'png' | 'gif' | 'webp') // the table above holds no other
    .toBuffer()
  picture.set(bytes, offset)
  expect(readImageHeader(picture).type).toBe('refused')
})
