import { ApiError } from '../../shared/errors.ts'
import { displaySize, readImageHeader } from '../../shared/image-header.ts'
import type { PixelSize } from '../../shared/resize-rule.ts'

export interface PictureLimits {
  readonly maxImageBytes: number
  /** Bound on width × height × frames, read from the header before anything is forwarded. */
  readonly maxImagePixels: number
}

/** What the edge knows of a picture: its header, and how many bytes it has. */
export interface SizedPicture {
  readonly size: PixelSize
  readonly frames: number
  readonly byteLength: number
  readonly param: string
}

export function pixelsOf({ size, frames }: Pick<SizedPicture, 'size' | 'frames'>): number {
  return size.width * size.height * frames
}

/**
 * Looks at a picture's header only.
 * @throws ApiError `invalid_image`, `image_too_large`
 */
export function readPicture(bytes: Uint8Array, limits: PictureLimits, param: string): SizedPicture {
  const reading = readImageHeader(bytes)
  if (reading.type === 'more') throw new ApiError('invalid_image', 'the picture is cut off', { param })
  if (reading.type === 'refused') {
    throw new ApiError('invalid_image', `the picture is refused: ${reading.reason}`, { param })
  }
  const { header } = reading
  const picture = { size: displaySize(header), frames: header.frames, byteLength: bytes.length, param }
  if (pixelsOf(picture) > limits.maxImagePixels) {
    const message = `the picture has ${header.width} × ${header.height} pixels in ${header.frames} frames, at most ${limits.maxImagePixels} pixels are accepted`
    throw new ApiError('image_too_large', message, { param })
  }
  return picture
}
