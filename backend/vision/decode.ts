import sharp, { type Sharp } from 'sharp'
import type { ImageHeader } from '../../shared/image-formats/reading.ts'
import { displaySize } from '../../shared/image-header.ts'
import { countScans } from './jpeg-scans.ts'
import type { RgbImage } from './resample.ts'
import { cmykToRgb, overWhite } from './to-rgb.ts'

/** The bytes begin like a picture but are none: cut off, damaged, or not what the header says. */
export class UndecodableError extends Error {
  override readonly name = 'UndecodableError'
}

/** Decoding took longer than it may. */
export class DecodeTimeoutError extends Error {
  override readonly name = 'DecodeTimeoutError'
}

/** Common encoders write ten; at 50 megapixels each costs some 30 ms. */
const maxJpegScans = 64

export interface DecodeLimits {
  readonly maxPixels: number
  readonly timeoutS: number
}

let areLoadersLimited = false

/**
 * Lets the whole process read the formats we serve and no others: loaders of rare formats are where decoders' security
 * holes have been. To be called by the thread that starts the others, before any of them decodes: for a moment nothing
 * can be read, in any thread.
 */
export function limitLoaders(): void {
  if (areLoadersLimited) return
  areLoadersLimited = true
  sharp.block({ operation: ['VipsForeignLoad'] })
  sharp.unblock({
    operation: ['VipsForeignLoadJpeg', 'VipsForeignLoadPng', 'VipsForeignLoadWebp', 'VipsForeignLoadNsgif'],
  })
}

/** One thread a picture, nothing kept: of the whole process too, but set back in each thread that loads sharp. */
export function configureDecoder(): void {
  sharp.concurrency(1)
  sharp.cache(false)
}

/**
 * Decodes the first frame to upright 8-bit RGB: alpha over white, CMYK without its profile, 16-bit values cut to
 * their high byte, colour profiles ignored as the reference does.
 * @throws {UndecodableError | DecodeTimeoutError}
 */
export async function decodeRgb(
  bytes: Uint8Array,
  header: ImageHeader,
  limits: DecodeLimits,
): Promise<RgbImage> {
  if (header.format === 'jpeg' && countScans(bytes, maxJpegScans + 1) > maxJpegScans) {
    throw new UndecodableError('the JPEG has too many scans')
  }
  const input = sharp(bytes, {
    failOn: 'warning',
    ignoreIcc: true,
    limitInputPixels: limits.maxPixels,
    page: 0,
    pages: 1,
    sequentialRead: true,
  }).timeout({ seconds: limits.timeoutS })
  try {
    const isCmyk = (await input.metadata()).space === 'cmyk'
    const upright = orient(isCmyk ? input.pipelineColourspace('cmyk').toColourspace('cmyk') : input, header)
    const { data, info } = await upright.raw().toBuffer({ resolveWithObject: true })
    const size = displaySize(header)
    if (info.width !== size.width || info.height !== size.height) {
      throw new UndecodableError('the picture has another size than its header says')
    }
    return { ...size, data: isCmyk ? cmykToRgb(data) : info.channels === 4 ? overWhite(data) : data }
  } catch (error) {
    if (error instanceof UndecodableError) throw error
    // sharp has no class or code for it, only this text
    if (error instanceof Error && error.message.startsWith('timeout:'))
      throw new DecodeTimeoutError(error.message)
    throw new UndecodableError('the decoder gave up', { cause: error })
  }
}

/** sharp mirrors before it rotates (clockwise), in whatever order it is asked. */
function orient(picture: Sharp, { orientation }: ImageHeader): Sharp {
  switch (orientation) {
    case 1:
      return picture
    case 2:
      return picture.flop()
    case 3:
      return picture.rotate(180)
    case 4:
      return picture.flip()
    case 5:
      return picture.flip().rotate(90)
    case 6:
      return picture.rotate(90)
    case 7:
      return picture.flip().rotate(270)
    case 8:
      return picture.rotate(270)
  }
}
