import { crc32 } from 'node:zlib'
import sharp from 'sharp'
import type { Random } from './random.ts'

export interface MadePicture {
  readonly name: string
  readonly bytes: Buffer
  /** As stored. */
  readonly width: number
  readonly height: number
  readonly orientation: number
  readonly frames: number
}

/** Random 8-bit pixels. */
export function randomPixels(width: number, height: number, channels: 1 | 2 | 3 | 4, random: Random) {
  const data = Buffer.from(Array.from({ length: width * height * channels }, () => random.below(256)))
  return { data, raw: { width, height, channels } }
}

/** One picture of every kind we accept, as libvips writes it, of random size and content. */
export async function makePictures(random: Random): Promise<readonly MadePicture[]> {
  const width = 1 + random.below(60)
  const height = 1 + random.below(60)
  const orientation = 1 + random.below(8)
  const of = (channels: 1 | 2 | 3 | 4) => {
    const { data, raw } = randomPixels(width, height, channels, random)
    return sharp(data, { raw })
  }
  const stacked = randomPixels(width, height * 3, 3, random)
  const animated = () => sharp(stacked.data, { raw: { ...stacked.raw, pageHeight: height } })
  const png = await of(3).png().toBuffer()
  const plain = { width, height, orientation: 1, frames: 1 }
  return [
    { name: 'jpeg', bytes: await of(3).jpeg().toBuffer(), ...plain },
    { name: 'jpeg, grey', bytes: await of(1).toColourspace('b-w').jpeg().toBuffer(), ...plain },
    { name: 'jpeg, progressive', bytes: await of(3).jpeg({ progressive: true }).toBuffer(), ...plain },
    { name: 'jpeg, CMYK', bytes: await of(3).toColourspace('cmyk').jpeg().toBuffer(), ...plain },
    {
      name: 'jpeg, turned',
      bytes: await of(3).withMetadata({ orientation }).jpeg().toBuffer(),
      ...plain,
      orientation,
    },
    { name: 'jpeg, profile', bytes: await of(3).withIccProfile('p3').jpeg().toBuffer(), ...plain },
    { name: 'png', bytes: png, ...plain },
    { name: 'png, alpha', bytes: await of(4).png().toBuffer(), ...plain },
    { name: 'png, grey and alpha', bytes: await of(2).toColourspace('b-w').png().toBuffer(), ...plain },
    { name: 'png, interlaced', bytes: await of(3).png({ progressive: true }).toBuffer(), ...plain },
    { name: 'png, palette', bytes: await of(3).png({ palette: true, colours: 7 }).toBuffer(), ...plain },
    { name: 'png, 16 bit', bytes: await of(3).toColourspace('rgb16').png().toBuffer(), ...plain },
    {
      name: 'png, turned',
      bytes: await of(3).withMetadata({ orientation }).png().toBuffer(),
      ...plain,
      orientation,
    },
    { name: 'png, animated', bytes: withAnimationChunk(png, 3), ...plain, frames: 3 },
    { name: 'webp', bytes: await of(3).webp().toBuffer(), ...plain },
    { name: 'webp, alpha', bytes: await of(4).webp().toBuffer(), ...plain },
    { name: 'webp, lossless', bytes: await of(4).webp({ lossless: true }).toBuffer(), ...plain },
    {
      name: 'webp, turned',
      bytes: await of(3).withMetadata({ orientation }).webp().toBuffer(),
      ...plain,
      orientation,
    },
    { name: 'webp, animated', bytes: await animated().webp().toBuffer(), ...plain, frames: 3 },
    { name: 'gif', bytes: await of(3).gif().toBuffer(), ...plain },
    { name: 'gif, alpha', bytes: await of(4).gif().toBuffer(), ...plain },
    { name: 'gif, animated', bytes: await animated().gif().toBuffer(), ...plain, frames: 3 },
  ]
}

/** A PNG that says it is animated: acTL after IHDR; the default image stands for the first frame. */
function withAnimationChunk(png: Buffer, frames: number): Buffer {
  const ihdrEnd = 33
  const body = Buffer.from('acTL\0\0\0\0\0\0\0\0', 'latin1')
  body.writeUInt32BE(frames, 4)
  const length = Buffer.from([0, 0, 0, 8])
  const check = Buffer.alloc(4)
  check.writeUInt32BE(crc32(body))
  return Buffer.concat([png.subarray(0, ihdrEnd), length, body, check, png.subarray(ihdrEnd)])
}

/** A few bytes changed, dropped or doubled. */
export function damaged(bytes: Uint8Array, random: Random): Buffer {
  const copy = Buffer.from(bytes)
  for (let i = 1 + random.below(4); i > 0; i--)
    copy[random.below(random.chance(0.5) ? 64 : copy.length)] = random.below(256)
  const cut = random.below(copy.length)
  if (random.chance(0.2)) return copy.subarray(0, cut)
  if (random.chance(0.1)) return Buffer.concat([copy.subarray(0, cut), copy])
  return copy
}
