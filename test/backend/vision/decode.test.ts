import { readFileSync } from 'node:fs'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { decodeRgb, limitLoaders, UndecodableError } from '../../../backend/vision/decode.ts'
import { countScans } from '../../../backend/vision/jpeg-scans.ts'
import type { RgbImage } from '../../../backend/vision/resample.ts'
import type { ImageHeader } from '../../../shared/image-formats/reading.ts'
import { readImageHeader } from '../../../shared/image-header.ts'
import { damaged, makePictures, randomPixels } from '../../support/make-pictures.ts'
import { Random, testSeed } from '../../support/random.ts'

const limits = { maxPixels: 10_000_000, timeoutS: 10 }
const seed = testSeed()

test(`every kind of picture becomes upright RGB of its own size (seed ${seed})`, async () => {
  for (const { name, bytes, width, height, orientation } of await makePictures(new Random(seed))) {
    const image = await decode(bytes)
    const turned = orientation >= 5
    expect({ width: image.width, height: image.height }, name).toEqual({
      width: turned ? height : width,
      height: turned ? width : height,
    })
    expect(image.data.length, name).toBe(width * height * 3)
  }
})

describe('what the pixels of a picture mean', () => {
  test('dark text on transparency stays dark text on white', async () => {
    const rgba = Buffer.from([0, 0, 0, 255, 0, 0, 0, 0, 200, 100, 0, 128, 255, 255, 255, 1])
    expect(await decodeRaw(rgba, { width: 4, height: 1, channels: 4 })).toEqual([
      ...[0, 0, 0],
      ...[255, 255, 255],
      ...[227, 177, 127], // 255 − (255 − x) · 128 / 255
      ...[255, 255, 255],
    ])
  })

  test('grey and grey with alpha become RGB', async () => {
    expect(await decodeRaw(Buffer.from([7, 200]), { width: 2, height: 1, channels: 1 })).toEqual([
      7, 7, 7, 200, 200, 200,
    ])
    expect(await decodeRaw(Buffer.from([7, 255, 7, 0]), { width: 2, height: 1, channels: 2 })).toEqual([
      7, 7, 7, 255, 255, 255,
    ])
  })

  test('16-bit values keep their high byte', async () => {
    const values = Uint16Array.of(0, 255, 256, 0x7fff, 0x8000, 0xffff)
    const png = await sharp(values, { raw: { width: 2, height: 1, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer()
    expect((await sharp(png).metadata()).depth).toBe('ushort')
    expect([...(await decode(png)).data]).toEqual([0, 0, 1, 0x7f, 0x80, 0xff])
  })

  test('16-bit grey keeps its high byte too', async () => {
    const values = Uint16Array.of(0x00ff, 0x1234)
    const png = await sharp(values, { raw: { width: 2, height: 1, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer()
    expect((await sharp(png).metadata()).depth).toBe('ushort')
    expect([...(await decode(png)).data]).toEqual([0, 0, 0, 0x12, 0x12, 0x12])
  })

  test('CMYK is mixed without its profile, as Pillow mixes it', async () => {
    // six fields of 8 × 8 pixels: paper, cyan, red, black, dark magenta, brown
    const jpeg = readFileSync(new URL('../../fixtures/pictures/cmyk.jpg', import.meta.url))
    expect((await sharp(jpeg).metadata()).space).toBe('cmyk')
    const { data } = await decode(jpeg)
    const middles = Array.from({ length: 6 }, (_, field) => (4 * 48 + field * 8 + 4) * 3)
    expect(middles.map((at) => [...data.subarray(at, at + 3)])).toEqual([
      [255, 255, 255],
      [0, 255, 255],
      [255, 0, 0],
      [0, 0, 0],
      [127, 63, 127],
      [207, 180, 152],
    ])
  })

  test('a colour profile changes nothing', async () => {
    const { data, raw } = randomPixels(5, 5, 3, new Random(seed))
    const plain = await sharp(data, { raw }).png().toBuffer()
    const profiled = await sharp(data, { raw })
      .png()
      .keepIccProfile()
      .withIccProfile('p3', { attach: true })
      .toBuffer()
    const { hasProfile } = await sharp(profiled).metadata()
    expect(hasProfile).toBe(true)
    const stored = await sharp(profiled, { ignoreIcc: true }).raw().toBuffer()
    expect([...(await decode(profiled)).data]).toEqual([...stored])
    expect([...(await decode(plain)).data]).toEqual([...data])
  })

  test.each(['gif', 'webp'] as const)('an animated %s shows its first frame', async (format) => {
    const red = Buffer.alloc(4 * 4 * 3, Buffer.from([255, 0, 0]))
    const blue = Buffer.alloc(4 * 4 * 3, Buffer.from([0, 0, 255]))
    const frames = sharp(Buffer.concat([red, blue]), {
      raw: { width: 4, height: 8, channels: 3, pageHeight: 4 },
    })
    const bytes = await (format === 'gif' ? frames.gif() : frames.webp({ lossless: true })).toBuffer()
    expect((await sharp(bytes).metadata()).pages).toBe(2)
    expect([...(await decode(bytes)).data]).toEqual([...red])
  })
})

// 3 × 2 pixels a…f as they lie upright, and as the camera stored them under each orientation
const upright = 'abcdef'
test.each([
  [1, 3, 'abcdef'],
  [2, 3, 'cbafed'],
  [3, 3, 'fedcba'],
  [4, 3, 'defabc'],
  [5, 2, 'adbecf'],
  [6, 2, 'cfbead'],
  [7, 2, 'fcebda'],
  [8, 2, 'daebfc'],
])('EXIF orientation %i is applied', async (orientation, storedWidth, stored) => {
  const data = Buffer.from([...stored].flatMap((pixel) => Array(3).fill(pixel.charCodeAt(0))))
  const bytes = await sharp(data, { raw: { width: storedWidth, height: 6 / storedWidth, channels: 3 } })
    .withMetadata({ orientation })
    .png()
    .toBuffer()
  const image = await decode(bytes)
  expect(image).toMatchObject({ width: 3, height: 2 })
  expect(String.fromCharCode(...image.data.filter((_, i) => i % 3 === 0))).toBe(upright)
})

describe('with the decoder set up as the server does', () => {
  const picture = readFileSync(new URL('../../fixtures/glm4v-random/expected/case0_0.png', import.meta.url))
  const fake: ImageHeader = { format: 'png', width: 8, height: 8, orientation: 1, frames: 1 }
  let foreign: ReadonlyMap<string, Buffer>

  beforeAll(async () => {
    const blank = sharp({ create: { width: 8, height: 8, channels: 3, background: '#fff' } })
    foreign = new Map([
      ['TIFF', await blank.clone().tiff().toBuffer()],
      ['AVIF', await blank.clone().avif().toBuffer()],
      ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>')],
      ['PPM', Buffer.from(`P6 8 8 255\n${'a'.repeat(192)}`)],
    ])
    limitLoaders()
  })

  test.each(['TIFF', 'AVIF', 'SVG', 'PPM'])(
    '%s is not decoded even if a header was made up for it',
    async (name) => {
      await expect(decodeRgb(foreign.get(name) ?? picture, fake, limits)).rejects.toThrow(UndecodableError)
    },
  )

  test('a picture larger than its header says, or than the limit, is not decoded', async () => {
    await expect(decodeRgb(picture, fake, limits)).rejects.toThrow(UndecodableError)
    await expect(decode(picture, { ...limits, maxPixels: 100 })).rejects.toThrow(UndecodableError)
  })

  test(`damaged and cut-off files are undecodable or decoded, never anything else (seed ${seed})`, async () => {
    const random = new Random(seed)
    for (const { name, bytes } of await makePictures(random)) {
      for (let i = 0; i < 25; i++) {
        const broken = damaged(bytes, random)
        const reading = readImageHeader(broken)
        if (reading.type !== 'header') continue
        const error: unknown = await decodeRgb(broken, reading.header, limits).then(
          () => null,
          (reason: unknown) => reason,
        )
        if (error !== null) expect(error, name).toBeInstanceOf(UndecodableError)
      }
    }
  })

  test('a JPEG of hundreds of scans is refused before it is decoded', async () => {
    const { data, raw } = randomPixels(64, 64, 3, new Random(seed))
    const bytes = await sharp(data, { raw }).jpeg({ progressive: true }).toBuffer()
    expect(countScans(bytes, 1000)).toBeGreaterThan(5)
    expect(countScans(bytes, 1000)).toBeLessThan(20)
    await decode(bytes)

    const lastScan = bytes.subarray(bytes.lastIndexOf(Buffer.from([0xff, 0xda])), -2)
    const bomb = Buffer.concat([bytes.subarray(0, -2), ...Array(200).fill(lastScan), bytes.subarray(-2)])
    expect(countScans(bomb, 1000)).toBeGreaterThan(200)
    await expect(decode(bomb)).rejects.toThrow('scans')
  })

  test.each(['jpeg', 'png', 'webp', 'gif'] as const)('half a %s is undecodable', async (format) => {
    const { data, raw } = randomPixels(64, 64, 3, new Random(seed))
    const bytes = await sharp(data, { raw }).toFormat(format).toBuffer()
    await expect(decode(bytes.subarray(0, bytes.length >> 1))).rejects.toThrow(UndecodableError)
  })
})

function decode(bytes: Uint8Array, within = limits): Promise<RgbImage> {
  const reading = readImageHeader(bytes)
  return reading.type === 'header' ? decodeRgb(bytes, reading.header, within) : expect.fail(reading.type)
}

async function decodeRaw(data: Buffer, raw: { width: number; height: number; channels: 1 | 2 | 3 | 4 }) {
  const grey = raw.channels < 3
  const png = await sharp(data, { raw })
    .toColourspace(grey ? 'b-w' : 'srgb')
    .png()
    .toBuffer()
  return [...(await decode(png)).data]
}
