import type { VisionConfig } from './model-config.ts'
import { patchOrder } from './patch-order.ts'
import type { Grid } from './patches.ts'

/** How a patch reads the learned position table: 16 rows of it, and the weight of each. */
export interface PositionTaps {
  /** i64 [N, 16], rows of the table. */
  readonly taps: BigInt64Array<ArrayBuffer>
  /** f32 [N, 16]. */
  readonly weights: Float32Array<ArrayBuffer>
}

/** The constant of the cubic kernel the model's table is resampled with. (Pictures are resized with −0.5.) */
const cubicA = -0.75
const tapsPerAxis = 4

/**
 * Bicubic resampling of the square position table (`positionTableSide`²) to a picture's grid, as the reference's grid
 * sample does it: half-pixel centres, taps clamped to the border, no antialiasing, no renormalising.
 */
export function positionTaps(
  grid: Grid,
  config: Pick<VisionConfig, 'positionTableSide' | 'mergeSize'>,
): PositionTaps {
  const side = config.positionTableSide
  const vertical = axisTaps(grid.height, side)
  const horizontal = axisTaps(grid.width, side)
  const { rows, columns } = patchOrder(grid, config)
  const perPatch = tapsPerAxis * tapsPerAxis
  const taps = new BigInt64Array(rows.length * perPatch)
  const weights = new Float32Array(rows.length * perPatch)
  for (let patch = 0; patch < rows.length; patch += 1) {
    const above = vertical[rows[patch] ?? 0] ?? []
    const beside = horizontal[columns[patch] ?? 0] ?? []
    let at = patch * perPatch
    for (const row of above) {
      for (const column of beside) {
        taps[at] = BigInt(row.index * side + column.index)
        weights[at] = row.weight * column.weight
        at += 1
      }
    }
  }
  return { taps, weights }
}

/** For each of `count` positions along one axis, the four table entries it reads. */
function axisTaps(count: number, side: number) {
  return Array.from({ length: count }, (_, i) => {
    const source = ((i + 0.5) * side) / count - 0.5
    const first = Math.floor(source) - 1
    return Array.from({ length: tapsPerAxis }, (_, k) => ({
      index: Math.min(Math.max(first + k, 0), side - 1),
      weight: cubic(Math.abs(source - first - k)),
    }))
  })
}

/** Keys' cubic convolution kernel at distance `d`, 0 … 2. */
function cubic(d: number) {
  if (d <= 1) return ((cubicA + 2) * d - (cubicA + 3)) * d * d + 1
  return ((cubicA * d - 5 * cubicA) * d + 8 * cubicA) * d - 4 * cubicA
}
