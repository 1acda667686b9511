import { expect, test } from 'vitest'
import { type PixelSize, type ResizeRule, smartResize } from '../../shared/resize-rule.ts'
import { Random, testSeed } from '../support/random.ts'

const flash: ResizeRule = { factor: 28, temporal: 2, minPixels: 12_544, maxPixels: 9_633_792 }
const seed = testSeed()

// height, width → height, width, as the reference implementation computes them
test.each([
  [224, 224, 224, 224],
  [336, 336, 336, 336],
  [480, 640, 476, 644],
  [666, 540, 672, 532],
  [768, 768, 756, 756],
  [1024, 1024, 1036, 1036],
  [1080, 1920, 1092, 1932],
  [2160, 3840, 1624, 2912],
  [10, 10, 84, 84],
  [70, 70, 84, 84], // 70 / 28 = 2.5 rounds to 2, then grows to the least
  [350, 294, 336, 280], // 12.5 rounds to 12, 10.5 to 10
  [322, 266, 336, 280], // 11.5 rounds to 12, 9.5 to 10
])('%i × %i becomes %i × %i', (height, width, resizedHeight, resizedWidth) => {
  expect(smartResize({ height, width }, flash)).toEqual({ height: resizedHeight, width: resizedWidth })
})

test('a picture 200 times as long as wide is resized, a longer one refused', () => {
  expect(smartResize({ width: 5600, height: 28 }, flash)).toEqual({ width: 5600, height: 28 })
  expect(smartResize({ width: 5601, height: 28 }, flash)).toBeNull()
  expect(smartResize({ width: 1, height: 201 }, flash)).toBeNull()
  expect(smartResize({ width: 1, height: 200 }, flash)).toEqual({ width: 28, height: 5600 })
})

test(`random sizes become what the obvious version computes (seed ${seed})`, () => {
  const random = new Random(seed)
  for (let i = 0; i < 20_000; i++) {
    const size = { width: randomSide(random), height: randomSide(random) }
    const rule = { ...flash, factor: random.pick([16, 28]), maxPixels: random.pick([614_400, 9_633_792]) }
    expect(smartResize(size, rule), JSON.stringify({ size, rule })).toEqual(obvious(size, rule))
  }
})

function randomSide(random: Random): number {
  return random.chance(0.2) ? 14 * (1 + random.below(99)) : 1 + random.below(10 ** (1 + random.below(4)))
}

/** One side at a time, halves found in whole numbers. */
function obvious(size: PixelSize, rule: ResizeRule): PixelSize | null {
  const { factor, temporal } = rule
  const grow = Math.max(1, factor / size.height, factor / size.width)
  const [height, width] = [Math.trunc(size.height * grow), Math.trunc(size.width * grow)]
  if (Math.max(height, width) > 200 * Math.min(height, width)) return null
  const each = (side: (length: number) => number) => ({
    height: side(height) * factor,
    width: side(width) * factor,
  })

  const nearest = each((length) => {
    const [whole, rest] = [Math.floor(length / factor), length % factor]
    const isUp = 2 * rest > factor || (2 * rest === factor && whole % 2 === 1)
    return isUp ? whole + 1 : whole
  })
  const pixels = temporal * nearest.height * nearest.width
  const before = temporal * height * width
  if (pixels > rule.maxPixels) {
    const ratio = Math.sqrt(before / rule.maxPixels)
    return each((length) => Math.max(1, Math.floor(length / ratio / factor)))
  }
  if (pixels < rule.minPixels) {
    const ratio = Math.sqrt(rule.minPixels / before)
    return each((length) => Math.ceil((length * ratio) / factor))
  }
  return nearest
}
