/** Raw 8-bit pixels as a decoder gives them: 3 channels RGB, 4 RGBA (not premultiplied). */
const opaque = 255

/**
 * Lays RGBA pixels over white. The reference drops alpha, which turns dark text on transparency into black on black;
 * vLLM composites over white, and so do we.
 */
export function overWhite(rgba: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3)
  for (let source = 0, target = 0; source < rgba.length; source += 4) {
    const alpha = rgba[source + 3] ?? opaque
    const white = 255 * (255 - alpha)
    rgb[target++] = divideBy255((rgba[source] ?? 0) * alpha + white)
    rgb[target++] = divideBy255((rgba[source + 1] ?? 0) * alpha + white)
    rgb[target++] = divideBy255((rgba[source + 2] ?? 0) * alpha + white)
  }
  return rgb
}

/** CMYK to RGB without a profile, as Pillow's `convert('RGB')`: each ink darkens what black leaves. */
export function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3)
  for (let source = 0, target = 0; source < cmyk.length; source += 4) {
    const light = 255 - (cmyk[source + 3] ?? 0)
    rgb[target++] = light - divideBy255((cmyk[source] ?? 0) * light)
    rgb[target++] = light - divideBy255((cmyk[source + 1] ?? 0) * light)
    rgb[target++] = light - divideBy255((cmyk[source + 2] ?? 0) * light)
  }
  return rgb
}

/** x / 255 to the nearest integer, for 0 ≤ x ≤ 255². */
function divideBy255(x: number): number {
  const biased = x + 128
  return ((biased >> 8) + biased) >> 8
}
