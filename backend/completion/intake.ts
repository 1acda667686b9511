import { parseDataUri } from '../../shared/data-uri.ts'
import { ApiError } from '../../shared/errors.ts'
import { isKnownFormat } from '../../shared/image-header.ts'
import type { ByteBudget, ByteHold } from '../byte-budget.ts'
import type { ImageFetcher } from '../vision/image-fetcher.ts'
import { type JudgeSize, type Picture, type PictureLimits, readPicture } from '../vision/picture.ts'
import type { ImageInput } from './completion-request.ts'

export interface IntakeOptions {
  readonly fetcher: ImageFetcher
  readonly limits: PictureLimits
  readonly maxImages: number
  /** What the pictures of all requests may take until their requests end. */
  readonly memory: ByteBudget
  /** Decodes what we cannot, into a picture we can read; null: neither can it. */
  readonly decodeUnknown: DecodeUnknown | null
}

/** @throws {ApiError} `invalid_image`, `image_too_large`, `plugin_error`. */
export type DecodeUnknown = (
  bytes: Uint8Array,
  param: string,
  signal: AbortSignal,
) => Promise<Uint8Array | null>

interface Reading {
  readonly signal: AbortSignal
  readonly judge: JudgeSize | undefined
}

/** Turns what a caller sent as pictures into pictures with a known size; nothing is decoded yet. */
export class Intake {
  readonly #options: IntakeOptions

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** Room for one request's pictures, to be released when it ends. */
  open(): ByteHold {
    return this.#options.memory.open()
  }

  /**
   * Reads data URIs and headers, fetches URLs; in the order given.
   * @param judge hears of what is fetched while it comes
   * @throws {ApiError} what is wrong with the first bad one, naming it; queue_full.
   */
  async read(
    inputs: readonly ImageInput[],
    hold: ByteHold,
    signal: AbortSignal,
    judge?: JudgeSize,
  ): Promise<readonly Picture[]> {
    const { maxImages } = this.#options
    const oneTooMany = inputs[maxImages]
    if (oneTooMany !== undefined) {
      const message = `${inputs.length} pictures, at most ${maxImages} are accepted`
      throw new ApiError('invalid_request', message, { param: oneTooMany.param })
    }
    const stop = new AbortController()
    const either = AbortSignal.any([signal, stop.signal])
    try {
      return await Promise.all(inputs.map((input) => this.#readOne(input, hold, { signal: either, judge })))
    } finally {
      stop.abort() // one bad picture ends the others' fetching
    }
  }

  /** Counted as large as it may be before it is there: only afterwards is its size known. */
  async #readOne(input: ImageInput, hold: ByteHold, reading: Reading): Promise<Picture> {
    const { limits } = this.#options
    const most = mostBytes(input, limits.maxBytes)
    hold.take(most)
    const bytes = await this.#bytes(input, reading)
    hold.give(most - bytes.length)
    const decoded = await this.#decodeUnknown(bytes, input.param, reading.signal)
    if (decoded === null) return readPicture(bytes, limits, input.param)
    hold.take(decoded.length)
    hold.give(bytes.length)
    return readPicture(decoded, { ...limits, maxBytes: decoded.length }, input.param) // the file was small enough
  }

  async #decodeUnknown(bytes: Uint8Array, param: string, signal: AbortSignal): Promise<Uint8Array | null> {
    const { decodeUnknown, limits } = this.#options
    if (decodeUnknown === null || bytes.length > limits.maxBytes || isKnownFormat(bytes)) return null
    return decodeUnknown(bytes, param, signal)
  }

  async #bytes(input: ImageInput, reading: Reading): Promise<Uint8Array> {
    if (input.type === 'bytes') return input.bytes
    const { reference, param } = input
    const { fetcher, limits } = this.#options
    if (!/^data:/i.test(reference)) return fetcher.fetch(reference, { param, ...reading })
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

function mostBytes(input: ImageInput, maxBytes: number): number {
  if (input.type === 'bytes') return input.bytes.length
  // Four characters of base64 are three bytes.
  const inline = /^data:/i.test(input.reference)
  return inline ? Math.min(maxBytes, Math.ceil(input.reference.length * 0.75)) : maxBytes
}
