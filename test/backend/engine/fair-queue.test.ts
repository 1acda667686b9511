import { expect, test } from 'vitest'
import { FairQueue } from '../../../backend/engine/fair-queue.ts'

function drain(queue: FairQueue<string>, cost: number): string[] {
  const order: string[] = []
  for (let item = queue.shift(); item !== null; item = queue.shift()) {
    order.push(item)
    queue.charge(item.slice(0, 1), cost)
  }
  return order
}

test('one caller is served first come, first served', () => {
  const queue = new FairQueue<string>()
  for (const item of ['a1', 'a2', 'a3']) queue.push('a', item)
  expect(drain(queue, 10)).toEqual(['a1', 'a2', 'a3'])
})

test('callers take turns, however much one of them asks', () => {
  const queue = new FairQueue<string>()
  for (const item of ['a1', 'a2', 'a3', 'a4']) queue.push('a', item)
  for (const item of ['b1', 'b2']) queue.push('b', item)
  expect(drain(queue, 10)).toEqual(['a1', 'b1', 'a2', 'b2', 'a3', 'a4'])
})

test('shares are counted in tokens, not in requests', () => {
  const queue = new FairQueue<string>()
  for (const item of ['a1', 'a2']) queue.push('a', item)
  for (const item of ['b1', 'b2', 'b3']) queue.push('b', item)
  expect(queue.shift()).toBe('a1')
  queue.charge('a', 100)
  expect(queue.shift()).toBe('b1')
  queue.charge('b', 30)
  expect(queue.shift()).toBe('b2')
  queue.charge('b', 30)
  expect(queue.shift()).toBe('b3')
})

test('being away earns no credit over those who stayed', () => {
  const queue = new FairQueue<string>()
  queue.push('a', 'a1')
  queue.shift()
  queue.charge('a', 1000)
  queue.push('a', 'a2')
  for (const item of ['b1', 'b2']) queue.push('b', item)
  expect(drain(queue, 10)).toEqual(['a2', 'b1', 'b2'])
})

test('a removed item never comes up', () => {
  const queue = new FairQueue<string>()
  for (const item of ['a1', 'a2']) queue.push('a', item)
  expect(queue.remove('a', 'a1')).toBe(true)
  expect(queue.remove('a', 'a1')).toBe(false)
  expect(queue.length).toBe(1)
  expect(queue.waitingOf('a')).toBe(1)
  expect(drain(queue, 1)).toEqual(['a2'])
})

test('a caller is forgotten with its last request', () => {
  const queue = new FairQueue<string>()
  queue.push('a', 'a1')
  queue.push('a', 'a2')
  queue.shift()
  queue.leave('a')
  expect(queue.callers).toBe(1)
  queue.shift()
  queue.leave('a')
  expect(queue.callers).toBe(0)
})
