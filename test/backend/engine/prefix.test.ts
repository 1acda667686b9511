import { expect, test } from 'vitest'
import { commonPrefix, type Prefix } from '../../../backend/engine/prefix.ts'

const image = { offset: 2, count: 3, digest: 'receipt' }
const base: Prefix = { callerId: 'a', tokens: [1, 2, 60, 60, 60, 3, 4], images: [image] }

test('equal tokens match up to the first that differs', () => {
  expect(commonPrefix(base, base)).toBe(7)
  expect(commonPrefix(base, { ...base, tokens: [1, 2, 60, 60, 60, 3, 9] })).toBe(6)
  expect(commonPrefix(base, { ...base, tokens: [1, 2, 60, 60, 60] })).toBe(5)
  expect(commonPrefix(base, { ...base, tokens: [9] })).toBe(0)
})

test('two pictures of equal size under one prompt never match', () => {
  const other = { ...base, images: [{ ...image, digest: 'price tag' }] }
  expect(commonPrefix(base, other)).toBe(2)
  expect(commonPrefix(other, base)).toBe(2)
})

test('a picture never matches the same token ids without one', () => {
  expect(commonPrefix(base, { ...base, images: [] })).toBe(2)
  expect(commonPrefix({ ...base, images: [] }, base)).toBe(2)
})

test('a second picture that differs leaves the first one shared', () => {
  const second = { offset: 5, count: 2, digest: 'x' }
  const two = { ...base, images: [image, second] }
  expect(commonPrefix(two, { ...base, images: [image, { ...second, digest: 'y' }] })).toBe(5)
})

test('two callers never match', () => {
  expect(commonPrefix(base, { ...base, callerId: 'b' })).toBe(0)
})
