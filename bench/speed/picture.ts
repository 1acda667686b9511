import { randomBytes } from 'node:crypto'
import sharp from 'sharp'

/** A 336 × 336 picture nobody has seen before, as a data: URI. */
export async function freshPicture(): Promise<string> {
  const side = 336
  const small = await sharp(randomBytes(21 * 21 * 3), { raw: { width: 21, height: 21, channels: 3 } })
    .resize(side, side)
    .png()
    .toBuffer()
  return `data:image/png;base64,${small.toString('base64')}`
}
