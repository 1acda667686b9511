import { expect, test } from 'vitest'
import { type ImagePlace, ropePositions } from '../../../backend/chat/rope-positions.ts'
import { Random, testSeed } from '../../support/random.ts'

const axes = (positions: Int32Array) => {
  const length = positions.length / 3
  return [0, 1, 2].map((axis) => [...positions.subarray(axis * length, (axis + 1) * length)])
}

test('a 336×336 picture stands at 5, spreads to 16, and text goes on at 17', () => {
  const length = 5 + 144 + 1 + 4
  const { positions, next } = ropePositions(length, [{ offset: 5, merged: { height: 12, width: 12 } }])
  const [time = [], height = [], width = []] = axes(positions)
  expect(time.slice(0, 7)).toEqual([0, 1, 2, 3, 4, 5, 5])
  expect(time.slice(5, 149)).toEqual(Array(144).fill(5))
  expect([height[5], height[17], height[148]]).toEqual([5, 6, 16])
  expect([width[5], width[16], width[17]]).toEqual([5, 16, 5])
  for (const axis of [time, height, width]) expect(axis.slice(149)).toEqual([17, 18, 19, 20, 21])
  expect(next - length).toBe(-132)
})

test('text alone counts up on all axes', () => {
  const { positions, next } = ropePositions(4, [])
  expect(axes(positions)).toEqual([
    [0, 1, 2, 3],
    [0, 1, 2, 3],
    [0, 1, 2, 3],
  ])
  expect(next).toBe(4)
})

test('positions equal a token-by-token walk, whatever the pictures', () => {
  const seed = testSeed()
  const random = new Random(seed)
  for (let run = 0; run < 100; run++) {
    const images: ImagePlace[] = []
    let length = 0
    for (let image = random.below(4); image > 0; image--) {
      length += random.below(6)
      const merged = { height: 1 + random.below(6), width: 1 + random.below(6) }
      images.push({ offset: length, merged })
      length += merged.height * merged.width
    }
    length += random.below(6)
    const { positions, next } = ropePositions(length, images)
    const slow = slowPositions(length, images)
    expect([...positions], `seed ${seed}, run ${run}`).toEqual(slow.flat())
    expect(next).toBe(Math.max(-1, ...slow.flat()) + 1)
  }
})

function slowPositions(length: number, images: readonly ImagePlace[]): number[][] {
  const tokens = Array.from({ length }, (_, at) => {
    const inside = images.find(
      ({ offset, merged }) => at >= offset && at < offset + merged.height * merged.width,
    )
    const before = images.filter(({ offset, merged }) => offset + merged.height * merged.width <= at)
    const saved = before.reduce(
      (sum, { merged }) => sum + merged.height * merged.width - Math.max(merged.height, merged.width),
      0,
    )
    if (inside === undefined) return [at - saved, at - saved, at - saved]
    const start = inside.offset - saved
    const index = at - inside.offset
    return [start, start + Math.floor(index / inside.merged.width), start + (index % inside.merged.width)]
  })
  return [0, 1, 2].map((axis) => tokens.map((token) => token[axis] ?? -1))
}
