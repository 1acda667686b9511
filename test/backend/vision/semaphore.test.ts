import { expect, test } from 'vitest'
import { Semaphore, SemaphoreFullError } from '../../../backend/vision/semaphore.ts'
import { Random, testSeed } from '../../support/random.ts'

const seed = testSeed()
const never = new AbortController().signal

test('work waits its turn, first come first served, and one too many is refused', async () => {
  const semaphore = new Semaphore(1, 2)
  const order: string[] = []
  const gate = Promise.withResolvers<void>()
  const enter = (name: string) => semaphore.run(async () => void order.push(name), never)
  const first = semaphore.run(() => gate.promise, never)
  const waiting = [enter('a'), enter('b')]
  await expect(enter('c')).rejects.toThrow(SemaphoreFullError)
  expect(order).toEqual([])
  gate.resolve()
  await Promise.all([first, ...waiting])
  expect(order).toEqual(['a', 'b'])
})

test(`no permit is lost or doubled after a random history of work, failures and leaving (seed ${seed})`, async () => {
  const random = new Random(seed)
  for (let round = 0; round < 200; round++) {
    const permits = 1 + random.below(4)
    const semaphore = new Semaphore(permits, 1 + random.below(10))
    let inside = 0
    const turns = async (count: number) => {
      inside += 1
      expect(inside).toBeLessThanOrEqual(permits)
      for (let i = 0; i < count; i++) await Promise.resolve()
      inside -= 1
      if (random.chance(0.2)) throw new Error('failed')
    }
    const history = Array.from({ length: 20 }, () => {
      const leaving = new AbortController()
      const done = semaphore.run(() => turns(random.below(5)), leaving.signal).catch(() => {})
      if (random.chance(0.3)) leaving.abort()
      return done
    })
    await Promise.all(history)
    expect(inside).toBe(0)

    let together = 0
    const gate = Promise.withResolvers<void>()
    const all = Array.from({ length: permits }, () =>
      semaphore.run(() => {
        together += 1
        return gate.promise
      }, never),
    )
    await Promise.resolve()
    gate.resolve()
    await Promise.all(all)
    expect(together).toBe(permits)
  }
})
