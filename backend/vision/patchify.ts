import type { PreprocessorConfig } from '../model/model-config.ts'
import { patchOrder } from '../model/patch-order.ts'
import type { Patches } from '../model/patches.ts'
import type { RgbImage } from './resample.ts'

const channels = 3

/**
 * Normalises a resized picture and cuts it into patches. Patches come block by block (each mergeSize × mergeSize),
 * each as [channel, temporal copy, row, column]; both sides of the picture are multiples of patchSize · mergeSize.
 */
export function patchify(image: RgbImage, preprocessor: PreprocessorConfig): Patches {
  const { patchSize, temporalPatchSize, mergeSize } = preprocessor
  const grid = { height: image.height / patchSize, width: image.width / patchSize }
  const pixels = new Float32Array(grid.height * grid.width * channels * temporalPatchSize * patchSize ** 2)
  const levels = normalisedLevels(preprocessor)
  let target = 0
  const { rows, columns } = patchOrder(grid, { mergeSize })
  for (const [patch, row] of rows.entries()) {
    const corner = (row * image.width + (columns[patch] ?? 0)) * patchSize * channels
    for (let channel = 0; channel < channels; channel++) {
      const plane = target
      for (let y = 0; y < patchSize; y++) {
        let source = corner + y * image.width * channels + channel
        for (let x = 0; x < patchSize; x++) {
          pixels[target++] = levels[channel * 256 + (image.data[source] ?? 0)] ?? 0
          source += channels
        }
      }
      for (let copy = 1; copy < temporalPatchSize; copy++) {
        pixels.copyWithin(target, plane, plane + patchSize ** 2)
        target += patchSize ** 2
      }
    }
  }
  return { grid, pixels }
}

/** What each 8-bit level becomes: f32 [3, 256], (level / 255 − mean) / std. */
function normalisedLevels({ mean, std }: PreprocessorConfig): Float32Array {
  const levels = new Float32Array(channels * 256)
  for (let channel = 0; channel < channels; channel++) {
    for (let level = 0; level < 256; level++) {
      levels[channel * 256 + level] = (level / 255 - (mean[channel] ?? 0)) / (std[channel] ?? 1)
    }
  }
  return levels
}
