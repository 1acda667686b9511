import { createHash } from 'node:crypto'
import { ApiError } from '../../shared/errors.ts'
import type { ImageHeader } from '../../shared/image-formats/reading.ts'
import { displaySize, readImageHeader } from '../../shared/image-header.ts'
import { shareImageTokens } from '../../shared/image-tokens.ts'
import type { PixelSize, ResizeRule } from '../../shared/resize-rule.ts'
import type { PreprocessorConfig } from '../model/model-config.ts'
import type { Grid } from '../model/patches.ts'

/**
 * Hears of a picture's size, as looked at, when its header is there and the rest of it may still be on its way.
 * @throws {ApiError} when the request cannot use it
 */
export type JudgeSize = (size: PixelSize, param: string) => void

export interface PictureLimits {
  readonly maxBytes: number
  /** Bound on width · height, refused from the header before anything is decoded. */
  readonly maxPixels: number
  /** Files of no known format are taken in whole: somebody else may know them. */
  readonly takesUnknown?: boolean
}

/** A picture whose header was read and found within the limits; its pixels are still packed. */
export interface Picture {
  readonly bytes: Uint8Array
  readonly header: ImageHeader
  /** As looked at: turned by the EXIF orientation. */
  readonly size: PixelSize
  /** The request's field it came in, for errors found later. */
  readonly param: string
}

/** What a picture becomes before the vision encoder sees it. */
export interface PicturePlan {
  /** Pixels after resizing. */
  readonly size: PixelSize
  readonly grid: Grid
  /** Image tokens it takes in the prompt. */
  readonly tokens: number
}

/**
 * Looks at a picture's header only: cheap, and enough to know its cost.
 * @throws {ApiError} invalid_image, image_too_large
 */
export function readPicture(bytes: Uint8Array, limits: PictureLimits, param: string): Picture {
  if (bytes.length > limits.maxBytes) throw tooManyBytes(limits, param)
  const reading = readImageHeader(bytes)
  switch (reading.type) {
    case 'more':
      throw new ApiError('invalid_image', 'the picture is cut off', { param })
    case 'refused':
      throw new ApiError('invalid_image', `the picture is refused: ${reading.reason}`, { param })
    case 'header':
      if (hasTooManyPixels(reading.header, limits)) throw tooManyPixels(reading.header, limits, param)
      return { bytes, header: reading.header, size: displaySize(reading.header), param }
  }
}

export function hasTooManyPixels({ width, height }: PixelSize, { maxPixels }: PictureLimits): boolean {
  return width * height > maxPixels
}

export function tooManyBytes({ maxBytes }: PictureLimits, param: string): ApiError {
  return new ApiError('image_too_large', `the picture is larger than ${maxBytes} bytes`, { param })
}

export function tooManyPixels(
  { width, height }: PixelSize,
  { maxPixels }: PictureLimits,
  param: string,
): ApiError {
  const message = `the picture has ${width} × ${height} pixels, at most ${maxPixels} are accepted`
  return new ApiError('image_too_large', message, { param })
}

/**
 * Decides what size each picture of one request is resized to, so that all take at most `maxImageTokens` together.
 * @throws {ApiError} invalid_image (over 200 times as long as wide), context_length_exceeded
 */
export function planPictures(
  pictures: readonly Pick<Picture, 'size' | 'param'>[],
  preprocessor: PreprocessorConfig,
  maxImageTokens: number,
): readonly PicturePlan[] {
  const sizes = pictures.map(({ size }) => size)
  const costs = shareImageTokens(sizes, resizeRuleOf(preprocessor), maxImageTokens)
  switch (costs.type) {
    case 'too_long': {
      const message = 'the picture is more than 200 times as long as wide'
      throw new ApiError('invalid_image', message, paramOf(pictures[costs.index]))
    }
    case 'too_many': {
      const message = `the pictures take at least ${costs.least} tokens, at most ${maxImageTokens} are left for them`
      throw new ApiError('context_length_exceeded', message, paramOf(pictures[0]))
    }
    case 'fits':
      return costs.images.map(({ size, tokens }) => ({ size, tokens, grid: gridOf(size, preprocessor) }))
  }
}

/**
 * Identity of a prepared picture: SHA-256, hex, over the file's bytes, the preprocessing settings and the grid.
 * Two pictures share it only if the encoder sees the same patches in the same shape.
 */
export function digestOf(
  { bytes }: Picture,
  { grid }: PicturePlan,
  preprocessor: PreprocessorConfig,
): string {
  const { patchSize, temporalPatchSize, mergeSize, mean, std } = preprocessor
  const settings = [grid.height, grid.width, patchSize, temporalPatchSize, mergeSize, ...mean, ...std]
  return createHash('sha256')
    .update(`${settings.join(' ')}\n`)
    .update(bytes)
    .digest('hex')
}

export function resizeRuleOf(preprocessor: PreprocessorConfig): ResizeRule {
  const { patchSize, mergeSize, temporalPatchSize, minPixels, maxPixels } = preprocessor
  return { factor: patchSize * mergeSize, temporal: temporalPatchSize, minPixels, maxPixels }
}

function gridOf(size: PixelSize, { patchSize }: PreprocessorConfig): Grid {
  return { height: size.height / patchSize, width: size.width / patchSize }
}

function paramOf(picture: Pick<Picture, 'param'> | undefined): { param?: string } {
  return picture === undefined ? {} : { param: picture.param }
}
