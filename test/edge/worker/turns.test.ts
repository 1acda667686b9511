import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type EndTurn, Turns } from '../../../edge/intake/turns.ts'

const maxWaitMs = 3000

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

/** Takes a turn; tells in `order` when it was given. */
async function take(turns: Turns, name: string, order: string[]): Promise<EndTurn> {
  const end = await turns.take()
  order.push(name)
  return end
}

test('so many have their turn at once, and each that ends lets in the one that waited longest', async () => {
  const turns = new Turns(2, maxWaitMs)
  const order: string[] = []
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => take(turns, name, order))
  await vi.advanceTimersByTimeAsync(0)
  expect(order).toEqual(['a', 'b'])
  ;(await b)?.()
  await vi.advanceTimersByTimeAsync(0)
  expect(order).toEqual(['a', 'b', 'c'])
  ;(await a)?.()
  await vi.advanceTimersByTimeAsync(0)
  expect(order).toEqual(['a', 'b', 'c', 'd'])
  ;(await c)?.()
  ;(await d)?.()
})

test('a turn ended twice lets in one', async () => {
  const turns = new Turns(1, maxWaitMs)
  const order: string[] = []
  const [a, b, c] = ['a', 'b', 'c'].map((name) => take(turns, name, order))
  const end = await a
  end?.()
  end?.()
  await vi.advanceTimersByTimeAsync(0)
  expect(order).toEqual(['a', 'b'])
  ;(await b)?.()
  ;(await c)?.()
  expect(order).toEqual(['a', 'b', 'c'])
})

test('nobody waits longer than the longest wait, whoever keeps its turn', async () => {
  const turns = new Turns(1, maxWaitMs)
  const order: string[] = []
  for (const name of ['slow', 'b', 'c']) void take(turns, name, order)
  await vi.advanceTimersByTimeAsync(maxWaitMs - 1)
  expect(order).toEqual(['slow'])
  await vi.advanceTimersByTimeAsync(1)
  expect(order).toEqual(['slow', 'b', 'c'])
})
