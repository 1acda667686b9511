import { expect, test } from 'vitest'
import { patchify } from '../../../backend/vision/patchify.ts'
import { type RgbImage, resizeBicubic } from '../../../backend/vision/resample.ts'
import type { PixelSize } from '../../../shared/resize-rule.ts'
import { randomPixels } from '../../support/make-pictures.ts'
import { Random, testSeed } from '../../support/random.ts'

const seed = testSeed()

test(`each axis is resized as in the obvious double-precision version, within a level (seed ${seed})`, () => {
  const random = new Random(seed)
  let values = 0
  let unequal = 0
  /** Both axes at once may be two levels apart: the second weighs the first one's roundings, some of them by less than 0. */
  const compare = (image: RgbImage, size: PixelSize): RgbImage => {
    const fast = resizeBicubic(image, size)
    const slow = obviousResize(image, size.width, size.height)
    expect({ width: fast.width, height: fast.height }).toEqual(size)
    expect(fast.data.length).toBe(slow.length)
    const apart = slow.map((value, at) => Math.abs(value - (fast.data[at] ?? Number.NaN)))
    expect(
      Math.max(...apart),
      JSON.stringify({ from: [image.width, image.height], size }),
    ).toBeLessThanOrEqual(1)
    unequal += apart.filter((levels) => levels > 0).length
    values += slow.length
    return fast
  }
  for (let i = 0; i < 40; i++) {
    const image = randomImage(1 + random.below(60), 1 + random.below(60), random)
    const size = { width: 1 + random.below(60), height: 1 + random.below(60) }
    const wide = compare(image, { width: size.width, height: image.height })
    expect(resizeBicubic(image, size)).toEqual(compare(wide, size))
  }
  expect(unequal / values).toBeLessThan(0.001) // fixed point against double, only where a half is nearly met
})

test('a flat picture stays flat and an unchanged size changes nothing', () => {
  const flat = { width: 37, height: 11, data: new Uint8Array(37 * 11 * 3).fill(201) }
  expect(new Set(resizeBicubic(flat, { width: 90, height: 5 }).data)).toEqual(new Set([201]))
  const image = randomImage(9, 8, new Random(seed))
  expect(resizeBicubic(image, { width: 9, height: 8 })).toEqual(image)
})

test(`patches hold every pixel where the model looks for it (seed ${seed})`, () => {
  const random = new Random(seed)
  for (const [patchSize, mergeSize, temporalPatchSize] of [
    [2, 2, 2],
    [3, 1, 1],
    [4, 3, 2],
  ] as const) {
    const image = randomImage(patchSize * mergeSize * 3, patchSize * mergeSize * 2, random)
    const mean = [0.5, 0.4, 0.3] as const
    const std = [0.2, 0.3, 0.4] as const
    const bounds = { minPixels: 1, maxPixels: 1e9 }
    const { grid, pixels } = patchify(image, {
      patchSize,
      mergeSize,
      temporalPatchSize,
      mean,
      std,
      ...bounds,
    })
    expect(grid).toEqual({ width: mergeSize * 3, height: mergeSize * 2 })

    // (blocks down, blocks across, patch down, patch across, channel, time, row, column), as the reference transposes
    const expected: number[] = []
    const shape = [2, 3, mergeSize, mergeSize, 3, temporalPatchSize, patchSize, patchSize]
    for (const [blockRow = 0, blockColumn = 0, down = 0, across = 0, channel = 0, , y = 0, x = 0] of indices(
      shape,
    )) {
      const row = (blockRow * mergeSize + down) * patchSize + y
      const column = (blockColumn * mergeSize + across) * patchSize + x
      const value = (image.data[(row * image.width + column) * 3 + channel] ?? Number.NaN) / 255
      expected.push(Math.fround((value - (mean[channel] ?? 0)) / (std[channel] ?? 1)))
    }
    expect(Array.from(pixels)).toEqual(expected)
  }
})

function randomImage(width: number, height: number, random: Random): RgbImage {
  return { width, height, data: new Uint8Array(randomPixels(width, height, 3, random).data) }
}

/** Every output is a weighted mean of all inputs of its row, then of its column; rounded after each. */
function obviousResize({ width, height, data }: RgbImage, outWidth: number, outHeight: number): number[] {
  const columns = [...indices([height, outWidth, 3])].map(([y = 0, x = 0, channel = 0]) =>
    level(weightedMean(width, outWidth, x, (i) => data[(y * width + i) * 3 + channel] ?? Number.NaN)),
  )
  return [...indices([outHeight, outWidth, 3])].map(([y = 0, x = 0, channel = 0]) =>
    level(weightedMean(height, outHeight, y, (i) => columns[(i * outWidth + x) * 3 + channel] ?? Number.NaN)),
  )
}

function weightedMean(
  inputs: number,
  outputs: number,
  output: number,
  value: (input: number) => number,
): number {
  const ratio = inputs / outputs
  const stretch = Math.max(1, ratio)
  const centre = (output + 0.5) * ratio
  let sum = 0
  let weights = 0
  for (let input = 0; input < inputs; input++) {
    const weight = catmullRom((input + 0.5 - centre) / stretch)
    sum += weight * value(input)
    weights += weight
  }
  return sum / weights
}

function catmullRom(t: number): number {
  const x = Math.abs(t)
  if (x <= 1) return 1.5 * x ** 3 - 2.5 * x ** 2 + 1
  return x < 2 ? -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2 : 0
}

function level(value: number): number {
  return Math.max(0, Math.min(255, Math.floor(value + 0.5)))
}

/** Every index of an array of this shape, the last fastest. */
function* indices(shape: readonly number[]): Generator<number[]> {
  const [extent, ...rest] = shape
  if (extent === undefined) {
    yield []
    return
  }
  for (let i = 0; i < extent; i++) for (const tail of indices(rest)) yield [i, ...tail]
}
