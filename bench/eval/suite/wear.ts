import sharp from 'sharp'
import type { Random } from './random.ts'

export interface Worn {
  readonly bytes: Buffer
  readonly extension: 'png' | 'jpg'
}

/** What happens to pictures before they are sent: most stay clean, some are blurred a little, a third become JPEGs. */
export async function wear(random: Random, png: Buffer): Promise<Worn> {
  let picture = sharp(png)
  if (random.chance(0.12)) picture = picture.blur(0.3 + random.next() * 0.35)
  if (random.chance(0.33)) {
    const quality = random.integer(55, 88)
    return { bytes: await picture.jpeg({ quality }).toBuffer(), extension: 'jpg' }
  }
  return { bytes: await picture.png({ compressionLevel: 9, palette: false }).toBuffer(), extension: 'png' }
}
