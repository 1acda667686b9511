import { expect, test } from 'vitest'
import { type ImageCost, imageTokens, shareImageTokens } from '../../shared/image-tokens.ts'
import { type PixelSize, type ResizeRule, smartResize } from '../../shared/resize-rule.ts'
import { Random, testSeed } from '../support/random.ts'

const flash: ResizeRule = { factor: 28, temporal: 2, minPixels: 12_544, maxPixels: 9_633_792 }
const seed = testSeed()

test.each([
  [{ width: 224, height: 224 }, 64],
  [{ width: 644, height: 476 }, 391],
  [{ width: 2912, height: 1624 }, 6032],
])('%j takes %i tokens', (size, tokens) => {
  expect(imageTokens(size, flash.factor)).toBe(tokens)
})

test('pictures that fit together keep the size the reference gives them', () => {
  const sizes = [square(224), square(1024), { width: 3840, height: 2160 }]
  expect(shared(sizes, 64 + 1369 + 6032).map(({ size }) => size)).toEqual(
    sizes.map((size) => smartResize(size, flash)),
  )
})

test('one detailed picture shrinks as under the reference max_pixels of that many tokens', () => {
  const photo = { width: 4000, height: 3000 }
  const maxPixels = 1536 * 2 * 28 * 28
  expect(shared([photo], 1536)).toEqual([{ size: smartResize(photo, { ...flash, maxPixels }), tokens: 1485 }])
})

test('small pictures keep theirs, detailed ones share the rest alike', () => {
  const [small, photo, screenshot] = shared([square(224), square(4000), square(3000)], 1000)
  expect(small?.tokens).toBe(64)
  expect(photo).toEqual(screenshot)
  expect(photo?.tokens).toBe(441)
})

test('the order of the pictures does not matter', () => {
  const sizes = [square(3000), { width: 100, height: 5000 }, square(100), { width: 1920, height: 1080 }]
  const costs = shared(sizes, 900)
  expect(shared(sizes.toReversed(), 900)).toEqual([...costs].reverse())
})

test('pictures that cannot shrink enough are refused with what they would take', () => {
  const tiny = Array.from({ length: 8 }, () => square(84))
  expect(shareImageTokens(tiny, flash, 31)).toEqual({ type: 'too_many', least: 32 })
  expect(shared(tiny, 32)).toHaveLength(8)
})

test('small pictures are enlarged as far as there is room, before any is refused', () => {
  const eager = { ...flash, minPixels: 2 * 280 * 280 } // as much as 100 tokens
  const tags = Array.from({ length: 8 }, () => square(140)) // 25 tokens as they came
  const at = (maxTokens: number) => {
    const result = shareImageTokens(tags, eager, maxTokens)
    return result.type === 'fits' ? result.images.map(({ tokens }) => tokens) : result
  }
  expect(at(800)).toEqual(tags.map(() => 100))
  expect(at(799)).toEqual(tags.map(() => 81))
  expect(at(200)).toEqual(tags.map(() => 25))
  expect(at(199)).toEqual({ type: 'too_many', least: 200 })
})

test('a picture that is not enlarged has the size that the rule gives it without a minimum', () => {
  const eager = { ...flash, minPixels: 2 * 560 * 560 }
  const tag = { width: 250, height: 155 } // rounded up to nine by six tokens
  const images = [{ size: { width: 252, height: 168 }, tokens: 54 }]
  expect(shareImageTokens([tag], eager, 54)).toEqual({ type: 'fits', images })
  expect(shareImageTokens([tag], eager, 53)).toEqual({ type: 'too_many', least: 54 })
})

test('detailed pictures keep the minimum where small ones give up what they were enlarged by', () => {
  const eager = { ...flash, minPixels: 2 * 280 * 280 }
  const result = shareImageTokens([square(140), square(2000)], eager, 125)
  expect(result).toMatchObject({ type: 'fits', images: [{ tokens: 25 }, { tokens: 100 }] })
  expect(shareImageTokens([square(140), square(2000)], eager, 124)).toEqual({ type: 'too_many', least: 125 })
})

test('a picture too long for the model is named', () => {
  expect(shareImageTokens([square(99), { width: 1, height: 201 }], flash, 9999)).toEqual({
    type: 'too_long',
    index: 1,
  })
})

test(`random pictures fit, under the highest level that fits (seed ${seed})`, () => {
  const random = new Random(seed)
  for (let i = 0; i < 2000; i++) {
    const sizes = Array.from({ length: 1 + random.below(8) }, () => randomSize(random))
    const maxTokens = 50 + random.below(8000)
    const result = shareImageTokens(sizes, flash, maxTokens)
    const about = JSON.stringify({ sizes, maxTokens })
    if (result.type === 'too_many') {
      expect(result.least, about).toBe(totalAt(sizes, 0))
      expect(result.least, about).toBeGreaterThan(maxTokens)
      continue
    }
    if (result.type !== 'fits') expect.fail(about)
    const sum = total(result.images)
    expect(sum, about).toBeLessThanOrEqual(maxTokens)
    if (totalAt(sizes, 6144) <= maxTokens) {
      expect(sum, about).toBe(totalAt(sizes, 6144)) // nothing to share
      continue
    }
    if (i % 40 !== 0) continue // the obvious version tries every level
    const levels = Array.from({ length: Math.min(6144, maxTokens) + 1 }, (_, level) => level)
    expect(sum, about).toBe(
      Math.max(...levels.map((level) => totalAt(sizes, level)).filter((tokens) => tokens <= maxTokens)),
    )
  }
})

function shared(sizes: readonly PixelSize[], maxTokens: number): readonly ImageCost[] {
  const result = shareImageTokens(sizes, flash, maxTokens)
  return result.type === 'fits' ? result.images : expect.fail(result.type)
}

/** Tokens when detailed pictures shrink to `level` tokens but not below the minimum, and small ones grow to no more. */
function totalAt(sizes: readonly PixelSize[], level: number): number {
  const pixels = level * 2 * 28 * 28
  return sizes.reduce((sum, { width, height }) => {
    const came = smartResize({ width, height }, { ...flash, minPixels: 0 }) ?? square(0)
    const maxPixels = Math.max(pixels, Math.min(flash.minPixels, 2 * came.width * came.height))
    const rule = { ...flash, minPixels: Math.min(flash.minPixels, pixels), maxPixels }
    return sum + imageTokens(smartResize({ width, height }, rule) ?? square(0), 28)
  }, 0)
}

function total(images: readonly ImageCost[]): number {
  return images.reduce((sum, { tokens }) => sum + tokens, 0)
}

function randomSize(random: Random): PixelSize {
  const width = 1 + random.below(5000)
  return { width, height: Math.max(Math.ceil(width / 150), 1 + random.below(Math.min(5000, width * 150))) }
}

function square(side: number): PixelSize {
  return { width: side, height: side }
}
