import type { Grid } from '../model/patches.ts'

/** A picture's place in a prompt whose image tokens are expanded. */
export interface ImagePlace {
  /** Index of its first image token. */
  readonly offset: number
  /** Its grid after merging, in tokens. */
  readonly merged: Grid
}

export interface RopePositions {
  /** i32 [3, length], axis by axis: temporal, height, width. */
  readonly positions: Int32Array
  /** Position, on all three axes, of the token after the last. */
  readonly next: number
}

/**
 * Three-axis rotary positions: text counts up on all axes at once; a picture stands still in time, spreads its rows and
 * columns over height and width, and text goes on after the longer side. (The reference's `get_rope_index`.)
 * @param images in the order of their offsets, not overlapping
 */
export function ropePositions(length: number, images: readonly ImagePlace[]): RopePositions {
  const positions = new Int32Array(3 * length)
  let at = 0
  let next = 0
  const place = (time: number, height: number, width: number) => {
    positions[at] = time
    positions[length + at] = height
    positions[2 * length + at] = width
    at++
  }
  const text = (until: number) => {
    for (; at < until; next++) place(next, next, next)
  }
  for (const { offset, merged } of images) {
    text(offset)
    for (let row = 0; row < merged.height; row++) {
      for (let column = 0; column < merged.width; column++) place(next, next + row, next + column)
    }
    next += Math.max(merged.height, merged.width)
  }
  text(length)
  return { positions, next }
}
