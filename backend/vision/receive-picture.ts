import { displaySize, isKnownFormat, readImageHeader } from '../../shared/image-header.ts'
import {
  hasTooManyPixels,
  type JudgeSize,
  type PictureLimits,
  tooManyBytes,
  tooManyPixels,
} from './picture.ts'

export interface Throughput {
  /** Average below which a transfer is given up, once `graceMs` have passed. */
  readonly minBytesPerSecond: number
  readonly graceMs: number
}

const firstCapacity = 64 * 1024

/**
 * Reads a picture from the other side, and stops at the first sign that it is none or too large: the header is looked
 * at as soon as its bytes are there, bytes are counted as they come. Leaving early ends the stream.
 * @throws {ApiError} image_too_large; what `judge` throws
 * @throws {Error} it is no picture, or comes too slowly
 */
export async function receivePicture(
  stream: AsyncIterable<Uint8Array>,
  limits: PictureLimits,
  { minBytesPerSecond, graceMs }: Throughput,
  param: string,
  judge: JudgeSize = () => undefined,
): Promise<Uint8Array> {
  const beganMs = performance.now()
  let buffer = new Uint8Array(Math.min(firstCapacity, limits.maxBytes))
  let length = 0
  let headerNeeds = 1
  for await (const chunk of stream) {
    if (length + chunk.length > limits.maxBytes) throw tooManyBytes(limits, param)
    buffer = withCapacity(buffer, length + chunk.length, limits.maxBytes)
    buffer.set(chunk, length)
    length += chunk.length

    if (length >= headerNeeds) headerNeeds = checkHeader(buffer.subarray(0, length), limits, param, judge)
    const elapsedMs = performance.now() - beganMs
    if (elapsedMs > graceMs && length < (minBytesPerSecond * elapsedMs) / 1000)
      throw new Error('it comes too slowly')
  }
  if (length === 0) throw new Error('the answer is empty')
  return buffer.slice(0, length)
}

/** How many bytes there must be before it is worth looking again. */
function checkHeader(bytes: Uint8Array, limits: PictureLimits, param: string, judge: JudgeSize): number {
  const reading = readImageHeader(bytes)
  switch (reading.type) {
    case 'more':
      return reading.bytes
    case 'refused':
      if (limits.takesUnknown === true && !isKnownFormat(bytes)) return Number.POSITIVE_INFINITY
      throw new Error(`the answer is no picture: ${reading.reason}`)
    case 'header':
      if (hasTooManyPixels(reading.header, limits)) throw tooManyPixels(reading.header, limits, param)
      judge(displaySize(reading.header), param)
      return Number.POSITIVE_INFINITY
  }
}

/** Grows by doubling, so that many small chunks cost no more than few large ones. */
function withCapacity(
  buffer: Uint8Array<ArrayBuffer>,
  needed: number,
  maxBytes: number,
): Uint8Array<ArrayBuffer> {
  if (buffer.length >= needed) return buffer
  const larger = new Uint8Array(Math.min(maxBytes, Math.max(needed, buffer.length * 2)))
  larger.set(buffer)
  return larger
}
