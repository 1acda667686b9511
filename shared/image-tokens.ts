import { type PixelSize, type ResizeRule, smartResize } from './resize-rule.ts'

/** What a picture becomes and costs. */
export interface ImageCost {
  /** After resizing; both sides are multiples of the rule's factor. */
  readonly size: PixelSize
  readonly tokens: number
}

export type ImageCosts =
  | { readonly type: 'fits'; readonly images: readonly ImageCost[] }
  /** Picture `index` is over 200 times as long as wide. */
  | { readonly type: 'too_long'; readonly index: number }
  /** Even at their smallest the pictures take `least` tokens. */
  | { readonly type: 'too_many'; readonly least: number }

/** Image tokens of a resized picture: one for each merged block of patches. */
export function imageTokens(size: PixelSize, factor: number): number {
  return (size.width / factor) * (size.height / factor)
}

/**
 * Sizes for a request's pictures, so that together they take at most `maxTokens`. All are under one level, as high as
 * fits: a picture that naturally costs less keeps its size, the others share what is left alike, scaled down as the
 * reference's own `max_pixels` does. Only where that is not enough are small pictures enlarged less than the rule asks
 * for, down to the size it would give them without a minimum. The order of the pictures does not matter.
 */
export function shareImageTokens(
  sizes: readonly PixelSize[],
  rule: ResizeRule,
  maxTokens: number,
): ImageCosts {
  const tooLong = sizes.findIndex((size) => smartResize(size, rule) === null)
  if (tooLong !== -1) return { type: 'too_long', index: tooLong }

  const natural = resizeAll(sizes, rule)
  if (total(natural) <= maxTokens) return { type: 'fits', images: natural }

  const least = total(costsUnder(sizes, rule, 0))
  if (least > maxTokens) return { type: 'too_many', least }

  // total() grows with the level, so the highest level that fits is found by halving
  let fits = 0
  let exceeds = Math.min(maxTokens, Math.ceil(rule.maxPixels / (rule.temporal * rule.factor ** 2))) + 1
  while (exceeds - fits > 1) {
    const level = Math.floor((fits + exceeds) / 2)
    if (total(costsUnder(sizes, rule, level)) <= maxTokens) fits = level
    else exceeds = level
  }
  return { type: 'fits', images: costsUnder(sizes, rule, fits) }
}

/**
 * Every picture resized so that it takes about `level` tokens at most (a very long one takes the least it can): detailed
 * ones shrink to it, though not below the rule's minimum; small ones are enlarged to it, if they are smaller.
 */
function costsUnder(sizes: readonly PixelSize[], rule: ResizeRule, level: number): ImageCost[] {
  const tokenPixels = rule.temporal * rule.factor ** 2
  const pixels = level * tokenPixels
  const minPixels = Math.min(rule.minPixels, pixels)
  return sizes.flatMap((size) => {
    const came = total(resizeAll([size], { ...rule, minPixels: 0 })) * tokenPixels
    const maxPixels = Math.min(rule.maxPixels, Math.max(pixels, Math.min(rule.minPixels, came)))
    return resizeAll([size], { ...rule, minPixels, maxPixels })
  })
}

function resizeAll(sizes: readonly PixelSize[], rule: ResizeRule): ImageCost[] {
  return sizes.flatMap((input) => {
    const size = smartResize(input, rule)
    return size === null ? [] : [{ size, tokens: imageTokens(size, rule.factor) }]
  })
}

function total(costs: readonly ImageCost[]): number {
  return costs.reduce((sum, { tokens }) => sum + tokens, 0)
}
