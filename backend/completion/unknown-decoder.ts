import type { Plugins } from '../plugins/plugins.ts'
import { encodePng } from '../vision/encode-png.ts'
import { hasTooManyPixels, tooManyPixels } from '../vision/picture.ts'
import type { DecodeUnknown } from './intake.ts'

/** Lets plug-ins decode what we cannot; their pixels go on as a PNG, the way of every other picture. null: none can. */
export function unknownDecoder(plugins: Plugins | null, maxPixels: number): DecodeUnknown | null {
  if (plugins?.has('decodeImage') !== true) return null
  return async (bytes, param, signal) => {
    const pixels = await plugins.decodeImage(bytes, param, signal)
    if (pixels === null) return null
    const limits = { maxBytes: bytes.length, maxPixels }
    if (hasTooManyPixels(pixels, limits)) throw tooManyPixels(pixels, limits, param)
    return encodePng(pixels)
  }
}
