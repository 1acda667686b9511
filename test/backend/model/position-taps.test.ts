import { expect, test } from 'vitest'
import { patchOrder } from '../../../backend/model/patch-order.ts'
import { positionTaps } from '../../../backend/model/position-taps.ts'

/** The kernel written as its textbook piecewise form, over the whole table. */
function slowSample(table: number[][], y: number, x: number) {
  const a = -0.75
  const kernel = (d: number) => {
    const t = Math.abs(d)
    if (t <= 1) return (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1
    return t < 2 ? a * t ** 3 - 5 * a * t ** 2 + 8 * a * t - 4 * a : 0
  }
  const side = table.length
  let sum = 0
  for (let r = -3; r < side + 3; r += 1) {
    for (let c = -3; c < side + 3; c += 1) {
      const clamped = table[Math.min(Math.max(r, 0), side - 1)]?.[Math.min(Math.max(c, 0), side - 1)] ?? 0
      sum += kernel(y - r) * kernel(x - c) * clamped
    }
  }
  return sum
}

test('taps and weights equal a whole-table bicubic sum on grids smaller and larger than the table', () => {
  const side = 6
  const table = Array.from({ length: side }, (_, r) =>
    Array.from({ length: side }, (_, c) => Math.sin(r * 7 + c)),
  )
  for (const grid of [
    { height: 2, width: 4 },
    { height: 6, width: 6 },
    { height: 10, width: 14 },
  ]) {
    const { taps, weights } = positionTaps(grid, { positionTableSide: side, mergeSize: 2 })
    const { rows, columns } = patchOrder(grid, { mergeSize: 2 })
    rows.forEach((row, patch) => {
      let fast = 0
      for (let k = patch * 16; k < patch * 16 + 16; k += 1) {
        fast += (weights[k] ?? Number.NaN) * (table.flat()[Number(taps[k])] ?? Number.NaN)
      }
      const y = ((row + 0.5) * side) / grid.height - 0.5
      const x = (((columns[patch] ?? 0) + 0.5) * side) / grid.width - 0.5
      expect(fast).toBeCloseTo(slowSample(table, y, x), 5)
    })
  }
})

test('at the table’s own size every patch reads its own entry', () => {
  const { taps, weights } = positionTaps({ height: 24, width: 24 }, { positionTableSide: 24, mergeSize: 2 })
  const { rows, columns } = patchOrder({ height: 24, width: 24 }, { mergeSize: 2 })
  rows.forEach((row, patch) => {
    const own = weights
      .subarray(patch * 16, patch * 16 + 16)
      .findIndex((weight) => Math.abs(weight - 1) < 1e-6)
    expect(Number(taps[patch * 16 + own])).toBe(row * 24 + (columns[patch] ?? 0))
  })
})
