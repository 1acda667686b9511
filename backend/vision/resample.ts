import type { PixelSize } from '../../shared/resize-rule.ts'

/** 8-bit RGB, interleaved, row by row. */
export interface RgbImage extends PixelSize {
  readonly data: Uint8Array
}

/** Fixed-point fraction of a filter weight: 32 bits less 8 for the pixel and 2 for overshoot, as in Pillow's Resample.c. */
const precisionBits = 22
const half = 1 << (precisionBits - 1)
const cubicSupport = 2

/** One axis of a resize: output i is the weighted sum of `counts[i]` inputs from `starts[i]` on. */
interface Kernel {
  readonly starts: Int32Array
  readonly counts: Int32Array
  /** i32 [outputs, taps], fixed point; taps beyond `counts[i]` are 0. */
  readonly weights: Int32Array
  readonly taps: number
}

/**
 * Antialiased bicubic resize, equal to Pillow's `resize(size, BICUBIC)` in every value: the reference resizes with it,
 * and libvips differs where an axis grows. Columns first, rounded to 8 bits, then rows.
 */
export function resizeBicubic(image: RgbImage, size: PixelSize): RgbImage {
  const wide = image.width === size.width ? image : resizeColumns(image, size.width)
  return wide.height === size.height ? wide : resizeRows(wide, size.height)
}

/** Catmull-Rom, the cubic with a = −0.5. */
function cubic(distance: number): number {
  const a = -0.5
  const x = Math.abs(distance)
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a
  return 0
}

/** When shrinking, the kernel is stretched by the ratio, so that every input counts (antialiasing). */
function createKernel(inputs: number, outputs: number): Kernel {
  const scale = inputs / outputs
  const stretch = Math.max(scale, 1)
  const support = cubicSupport * stretch
  const taps = Math.ceil(support) * 2 + 1
  const starts = new Int32Array(outputs)
  const counts = new Int32Array(outputs)
  const weights = new Int32Array(outputs * taps)
  for (let i = 0; i < outputs; i++) {
    const centre = (i + 0.5) * scale
    const start = Math.max(0, Math.trunc(centre - support + 0.5))
    const count = Math.min(inputs, Math.trunc(centre + support + 0.5)) - start
    const exact = Array.from({ length: count }, (_, tap) =>
      cubic((tap + start - centre + 0.5) * (1 / stretch)),
    )
    const sum = exact.reduce((total, weight) => total + weight, 0)
    for (const [tap, weight] of exact.entries()) weights[i * taps + tap] = toFixedPoint(weight / sum)
    starts[i] = start
    counts[i] = count
  }
  return { starts, counts, weights, taps }
}

/** Rounded half away from zero. */
function toFixedPoint(weight: number): number {
  return Math.trunc((weight < 0 ? -0.5 : 0.5) + weight * (1 << precisionBits))
}

function resizeColumns({ width, height, data }: RgbImage, outWidth: number): RgbImage {
  const { starts, counts, weights, taps } = createKernel(width, outWidth)
  const out = new Uint8ClampedArray(outWidth * height * 3)
  let target = 0
  for (let y = 0; y < height; y++) {
    const row = y * width * 3
    for (let x = 0; x < outWidth; x++) {
      let red = half
      let green = half
      let blue = half
      let source = row + at(starts, x) * 3
      const firstTap = x * taps
      const endTap = firstTap + at(counts, x)
      for (let tap = firstTap; tap < endTap; tap++) {
        const weight = at(weights, tap)
        red = (red + Math.imul(at(data, source), weight)) | 0
        green = (green + Math.imul(at(data, source + 1), weight)) | 0
        blue = (blue + Math.imul(at(data, source + 2), weight)) | 0
        source += 3
      }
      out[target] = red >> precisionBits
      out[target + 1] = green >> precisionBits
      out[target + 2] = blue >> precisionBits
      target += 3
    }
  }
  return { width: outWidth, height, data: new Uint8Array(out.buffer) }
}

function resizeRows({ width, height, data }: RgbImage, outHeight: number): RgbImage {
  const { starts, counts, weights, taps } = createKernel(height, outHeight)
  const rowBytes = width * 3
  const out = new Uint8ClampedArray(rowBytes * outHeight)
  const sums = new Int32Array(rowBytes)
  for (let y = 0; y < outHeight; y++) {
    sums.fill(half)
    for (let tap = 0; tap < at(counts, y); tap++) {
      const weight = at(weights, y * taps + tap)
      const row = (at(starts, y) + tap) * rowBytes
      for (let i = 0; i < rowBytes; i++) sums[i] = at(sums, i) + Math.imul(at(data, row + i), weight)
    }
    const target = y * rowBytes
    for (let i = 0; i < rowBytes; i++) out[target + i] = at(sums, i) >> precisionBits
  }
  return { width, height: outHeight, data: new Uint8Array(out.buffer) }
}

/** An element known to exist; inlined, it costs nothing in the loops above. */
function at(values: Int32Array | Uint8Array, index: number): number {
  return values[index] as number
}
