/** Size in pixels. */
export interface PixelSize {
  readonly width: number
  readonly height: number
}

/** The model's bounds on a resized picture. */
export interface ResizeRule {
  /** Both sides become multiples of this: patch size times merge size. */
  readonly factor: number
  /** Copies of a still picture along time; the bounds below count them. */
  readonly temporal: number
  /** Bounds on temporal · width · height. */
  readonly minPixels: number
  readonly maxPixels: number
}

/** Long side over short side; beyond it the reference refuses. */
const maxAspectRatio = 200

/**
 * The size a picture is resized to before it is cut into patches, exactly as the reference computes it
 * (transformers, glm46v `smart_resize`): same double arithmetic, truncation and rounding of halves to even.
 * null: the picture is over 200 times as long as wide.
 */
export function smartResize(
  size: PixelSize,
  { factor, temporal, minPixels, maxPixels }: ResizeRule,
): PixelSize | null {
  let { width, height } = size
  if (height < factor || width < factor) {
    const scale = Math.max(factor / height, factor / width)
    height = Math.trunc(height * scale)
    width = Math.trunc(width * scale)
  }
  if (Math.max(height, width) / Math.min(height, width) > maxAspectRatio) return null
  const rounded = {
    width: roundHalfEven(width / factor) * factor,
    height: roundHalfEven(height / factor) * factor,
  }
  const pixels = temporal * rounded.height * rounded.width
  if (pixels > maxPixels) {
    const shrink = Math.sqrt((temporal * height * width) / maxPixels)
    return {
      width: Math.max(factor, Math.floor(width / shrink / factor) * factor),
      height: Math.max(factor, Math.floor(height / shrink / factor) * factor),
    }
  }
  if (pixels < minPixels) {
    const grow = Math.sqrt(minPixels / (temporal * height * width))
    return {
      width: Math.ceil((width * grow) / factor) * factor,
      height: Math.ceil((height * grow) / factor) * factor,
    }
  }
  return rounded
}

/** Python's `round`: halves go to the even neighbour. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value)
  const rest = value - below
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1
  return below % 2 === 0 ? below : below + 1
}
