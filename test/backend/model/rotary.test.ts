import { expect, test } from 'vitest'
import { patchOrder } from '../../../backend/model/patch-order.ts'
import { textRotary, visionRotary } from '../../../backend/model/rotary.ts'

const rope = { theta: 10_000, rotaryDim: 16, sections: [2, 3, 3], frequencyDtype: 'f32' } as const

test('patches are read block by block', () => {
  const { rows, columns } = patchOrder({ height: 2, width: 4 }, { mergeSize: 2 })
  expect([...rows]).toEqual([0, 0, 1, 1, 0, 0, 1, 1])
  expect([...columns]).toEqual([0, 1, 0, 1, 2, 3, 2, 3])
})

test('each text frequency follows the axis of its section', () => {
  const positions = Int32Array.from([7, 100, 9, 200, 11, 300])
  const { cos, sin } = textRotary(positions, { rope })
  const axisOf = [0, 0, 1, 1, 1, 2, 2, 2]
  for (let token = 0; token < 2; token += 1) {
    axisOf.forEach((axis, j) => {
      const angle = (positions[axis * 2 + token] ?? Number.NaN) * 10_000 ** (-j / 8)
      expect(cos[token * 8 + j]).toBeCloseTo(Math.cos(angle), 4)
      expect(sin[token * 8 + j]).toBeCloseTo(Math.sin(angle), 4)
    })
  }
})

test('text angles at far positions carry the reference’s f32 rounding', () => {
  const { cos } = textRotary(Int32Array.from([131_000, 131_000, 131_000]), { rope })
  const inverse = Math.fround(1 / Math.fround(10_000 ** 0.125))
  expect(cos[1]).toBe(Math.fround(Math.cos(Math.fround(131_000 * inverse))))
})

test('vision angles are the row’s, then the column’s, in patch order', () => {
  const grid = { height: 4, width: 6 }
  const { cos, sin } = visionRotary(grid, {
    headSize: 12,
    ropeTheta: 10_000,
    ropeFrequencyDtype: 'f32',
    mergeSize: 2,
  })
  const { rows, columns } = patchOrder(grid, { mergeSize: 2 })
  expect(cos).toHaveLength(24 * 6)
  rows.forEach((row, patch) => {
    for (let j = 0; j < 3; j += 1) {
      const frequency = 10_000 ** (-j / 3)
      expect(sin[patch * 6 + j]).toBeCloseTo(Math.sin(row * frequency), 6)
      expect(cos[patch * 6 + 3 + j]).toBeCloseTo(Math.cos((columns[patch] ?? 0) * frequency), 6)
    }
  })
})

test('bf16 frequencies keep eight significant bits', () => {
  const { sin } = textRotary(Int32Array.from([1, 1, 1]), { rope: { ...rope, frequencyDtype: 'bf16' } })
  // 10000^(-1/8) = 0.31622776…; its neighbours in bfloat16 are 0.31640625 and 0.314453125.
  expect(sin[1]).toBe(Math.fround(Math.sin(0.31640625)))
})
