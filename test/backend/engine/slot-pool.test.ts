import { expect, test } from 'vitest'
import type { Prefix } from '../../../backend/engine/prefix.ts'
import { SlotPool } from '../../../backend/engine/slot-pool.ts'
import { text } from './support/requests.ts'

function prefix(seed: number, length = 40): Prefix {
  return { callerId: 'caller', tokens: text(length, seed), images: [] }
}

test('slots are handed out lowest first and run out', () => {
  const pool = new SlotPool(2)
  expect(pool.acquire(prefix(1))?.slot).toBe(0)
  expect(pool.acquire(prefix(2))?.slot).toBe(1)
  expect(pool.acquire(prefix(3))).toBeNull()
  expect(pool.free).toBe(0)
})

test('the slot that remembers most of the prompt is chosen', () => {
  const pool = new SlotPool(3)
  for (const seed of [1, 2, 3]) pool.acquire(prefix(seed))
  for (const slot of [0, 1, 2]) pool.release(slot, prefix(slot + 1))
  expect(pool.acquire(prefix(2, 60))).toEqual({ slot: 1, common: 40 })
})

test('a short common beginning does not cost another conversation its slot', () => {
  const pool = new SlotPool(2)
  pool.acquire(prefix(1))
  pool.release(0, prefix(1))
  const opening = prefix(1).tokens.slice(0, 5)
  const stranger = { ...prefix(2), tokens: [...opening, ...prefix(2).tokens] }
  expect(pool.acquire(stranger)).toEqual({ slot: 1, common: 0 })
})

test('without a memory to follow, used slots stay close together', () => {
  const pool = new SlotPool(4)
  for (const seed of [1, 2, 3, 4]) pool.acquire(prefix(seed))
  pool.release(3, null)
  pool.release(1, null)
  expect(pool.acquire(prefix(5))?.slot).toBe(1)
})

test('of equal slots the one released longest ago is overwritten', () => {
  const pool = new SlotPool(2)
  pool.acquire(prefix(1))
  pool.acquire(prefix(2))
  pool.release(1, prefix(2))
  pool.release(0, prefix(1))
  expect(pool.acquire(prefix(3))?.slot).toBe(1)
})

test('a slot released without a memory matches nothing', () => {
  const pool = new SlotPool(1)
  pool.acquire(prefix(1))
  pool.release(0, null)
  expect(pool.acquire(prefix(1))).toEqual({ slot: 0, common: 0 })
})
