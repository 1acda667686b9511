import { expect, test } from 'vitest'
import { ByteBudget, HeldBytes } from '../../../edge/intake/byte-budget.ts'
import { ByteWriter } from '../../../edge/intake/byte-writer.ts'

test('beyond the isolate’s budget a request is told to come back, and a request that ended makes room', () => {
  const budget = new ByteBudget(1_000_000)
  const first = new HeldBytes(budget, 800_000)
  const second = new HeldBytes(budget, 800_000)
  new ByteWriter(first, 0).append(new Uint8Array(700_000))
  const late = new ByteWriter(second, 0)
  expect(() => late.append(new Uint8Array(700_000))).toThrow(
    expect.objectContaining({ code: 'queue_full', retryAfterS: 1 }),
  )
  first.close()
  late.append(new Uint8Array(700_000))
  expect(budget.held).toBeGreaterThanOrEqual(700_000)
})

test('a request may not hold more than its share, and nothing after it ended', () => {
  const budget = new ByteBudget(10_000_000)
  const held = new HeldBytes(budget, 500_000)
  const writer = new ByteWriter(held, 0)
  expect(() => writer.append(new Uint8Array(600_000))).toThrow(
    expect.objectContaining({ code: 'body_too_large' }),
  )
  held.close()
  expect(() => writer.append(new Uint8Array(1))).toThrow('ended')
  expect(budget.held).toBe(0)
})
