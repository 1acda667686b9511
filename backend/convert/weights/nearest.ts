/** 1.5 · 2^52: beyond it a double has no room for a fraction. */
const shift = 6_755_399_441_055_744

/** The nearest integer, ties to even, for |x| < 2^51. Several times faster than Math.round where it counts. */
export function nearest(x: number): number {
  return x + shift - shift
}
