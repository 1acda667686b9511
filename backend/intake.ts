import { parseDataUri } from '../shared/data-uri.ts'
import { ApiError } from '../shared/errors.ts'
import type { ImageInput } from './completion-request.ts'
import type { ImageFetcher } from './vision/image-fetcher.ts'
import { type Picture, type PictureLimits, readPicture } from './vision/picture.ts'

export interface IntakeOptions {
  readonly fetcher: ImageFetcher
  readonly limits: PictureLimits
  readonly maxImages: number
}

/** Turns what a caller sent as pictures into pictures with a known size; nothing is decoded yet. */
export class Intake {
  readonly #options: IntakeOptions

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /**
   * Reads data URIs and headers, fetches URLs; in the order given.
   * @throws {ApiError} what is wrong with the first bad one, naming it.
   */
  async read(inputs: readonly ImageInput[], signal: AbortSignal): Promise<readonly Picture[]> {
    const { maxImages } = this.#options
    if (inputs.length > maxImages) {
      throw new ApiError('invalid_request', `${inputs.length} pictures, at most ${maxImages} are accepted`, {
        param: inputs[0]?.param.replace(/\[\d+\]$/, '') ?? 'image',
      })
    }
    const stop = new AbortController()
    const either = AbortSignal.any([signal, stop.signal])
    try {
      return await Promise.all(inputs.map((input) => this.#readOne(input, either)))
    } finally {
      stop.abort() // one bad picture ends the others' fetching
    }
  }

  async #readOne(input: ImageInput, signal: AbortSignal): Promise<Picture> {
    const { limits } = this.#options
    return readPicture(await this.#bytes(input, signal), limits, input.param)
  }

  async #bytes(input: ImageInput, signal: AbortSignal): Promise<Uint8Array> {
    if (input.type === 'bytes') return input.bytes
    const { reference, param } = input
    const { fetcher, limits } = this.#options
    if (!/^data:/i.test(reference)) return fetcher.fetch(reference, { param, signal })
    const parsed = parseDataUri(reference, limits.maxBytes)
    switch (parsed.type) {
      case 'image':
        return Buffer.from(parsed.base64, 'base64')
      case 'too_large':
        throw new ApiError(
          'image_too_large',
          `the picture has ${parsed.size} bytes, at most ${limits.maxBytes} are accepted`,
          { param },
        )
      case 'invalid':
        throw new ApiError('invalid_image', `the data: URI is refused: ${parsed.reason}`, { param })
    }
  }
}
