import sharp from 'sharp'
import type { PixelSize } from '../../shared/resize-rule.ts'

/** Kept in memory for one request: speed matters more than size. */
const COMPRESSION_LEVEL = 1

/** Grey, RGB or RGBA pixels, 8 bits a channel, as a PNG file. */
export function encodePng(
  pixels: PixelSize & { readonly channels: 1 | 3 | 4; readonly data: Uint8Array },
): Promise<Uint8Array> {
  const { width, height, channels, data } = pixels
  return sharp(data, { raw: { width, height, channels } })
    .png({ compressionLevel: COMPRESSION_LEVEL })
    .toBuffer()
}
