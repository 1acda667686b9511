import type { ImageHeader } from '../../shared/image-formats/reading.ts'
import type { PixelSize } from '../../shared/resize-rule.ts'
import type { PreprocessorConfig } from '../model/model-config.ts'
import type { Patches } from '../model/patches.ts'
import { type DecodeLimits, decodeRgb } from './decode.ts'
import { patchify } from './patchify.ts'
import { resizeBicubic } from './resample.ts'

/** Everything needed to turn one file into patches; crosses to a worker thread as it is. */
export interface PrepareTask {
  readonly bytes: Uint8Array
  readonly header: ImageHeader
  readonly size: PixelSize
  readonly preprocessor: PreprocessorConfig
  readonly limits: DecodeLimits
}

/**
 * Bytes to patches: decode, resize, normalise, cut.
 * @throws {UndecodableError}
 */
export async function prepare({ bytes, header, size, preprocessor, limits }: PrepareTask): Promise<Patches> {
  const image = await decodeRgb(bytes, header, limits)
  return patchify(resizeBicubic(image, size), preprocessor)
}
