import type { PreprocessorConfig } from '../../backend/model/model-config.ts'
import type { Patches } from '../../backend/model/patches.ts'

/** In levels of 0…255, before normalisation. */
export interface PixelDifference {
  /** Share of values within one level. */
  readonly withinOne: number
  readonly largest: number
}

/** Rounding of float32 normalisation, in levels. */
const FLOAT_SLACK = 0.01

/** Compares as many of the first patches as were recorded. */
export function pixelDifference(
  pictures: readonly Patches[],
  expected: Float32Array,
  { std, temporalPatchSize, patchSize }: PreprocessorConfig,
): PixelDifference | null {
  if (pictures.length === 0) return null
  const channelSize = temporalPatchSize * patchSize ** 2
  let index = 0
  let close = 0
  let largest = 0
  for (const { pixels } of pictures) {
    for (let i = 0; i < pixels.length && index < expected.length; i += 1, index += 1) {
      const channel = Math.floor(i / channelSize) % std.length
      const scale = 255 * (std[channel] ?? Number.NaN)
      const difference = Math.abs((pixels[i] ?? Number.NaN) - (expected[index] ?? Number.NaN)) * scale
      if (difference <= 1 + FLOAT_SLACK) close += 1
      if (!(difference <= largest)) largest = difference
    }
  }
  if (index < expected.length) throw new Error(`${expected.length} values were recorded, we have ${index}`)
  return { withinOne: close / index, largest }
}
