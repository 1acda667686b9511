import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { KeyClient, type RequestScope } from '../../../edge/keys/key-client.ts'
import { Lease } from '../../../edge/keys/lease.ts'
import type { KeyAnswer, KeyOperation } from '../../../edge/keys/operations.ts'
import { leaseTtlMs } from '../../../edge/limits/ledger.ts'
import { RequestLife } from '../../../edge/request-life.ts'

const granted: KeyAnswer = { type: 'granted', tenant: 'tenant', atMs: 0, reports: [] }
const demand = { tokens: 10, imageBytes: 0, pixels: 0 }
const requestTimeoutMs = 300_000

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A lease on an object that answers as told. */
async function takeLease(answer: (operation: KeyOperation) => KeyAnswer) {
  const asked: string[] = []
  const scope: RequestScope = {
    send: async (_, operations) =>
      operations.map((operation) => {
        asked.push(operation.type)
        return answer(operation)
      }),
    waitUntil: (promise) => void promise,
  }
  const life = new RequestLife(new AbortController().signal, requestTimeoutMs, Date.now)
  const lease = await Lease.take(new KeyClient(), scope, life, {
    keyId: 'key',
    who: { secretHash: '', address: null },
    model: null,
    demand,
  })
  return { lease, life, asked }
}

test('a lease is renewed for as long as its request runs', async () => {
  const { life, asked } = await takeLease(() => granted)
  await vi.advanceTimersByTimeAsync(3 * leaseTtlMs)
  expect(life.signal.aborted).toBe(false)
  expect(asked.filter((type) => type === 'renew').length).toBeGreaterThanOrEqual(3)
})

test('a request whose lease was lost stops at the next renewal', async () => {
  const { life } = await takeLease(({ type }) => (type === 'renew' ? { type: 'no_lease' } : granted))
  await vi.advanceTimersByTimeAsync(leaseTtlMs)
  expect(life.signal.reason).toMatchObject({ code: 'permission_denied' })
})

test('a request stops before its lease may be another’s when the object cannot be reached', async () => {
  const { life } = await takeLease(({ type }) => {
    if (type === 'renew') throw new Error('the object is away')
    return granted
  })
  await vi.advanceTimersByTimeAsync(leaseTtlMs - 1)
  expect(life.signal.reason).toMatchObject({ code: 'permission_denied' })
})

test('one renewal that fails ends nothing', async () => {
  let failed = false
  const { life } = await takeLease(({ type }) => {
    if (type !== 'renew' || failed) return granted
    failed = true
    throw new Error('the object is away')
  })
  await vi.advanceTimersByTimeAsync(2 * leaseTtlMs)
  expect(failed).toBe(true)
  expect(life.signal.aborted).toBe(false)
})

test('a settled lease is renewed no more', async () => {
  const { lease, life, asked } = await takeLease(() => granted)
  lease.settle({ promptTokens: 1, completionTokens: 1, images: 0, imageBytes: 0, pixels: 0 })
  life.close()
  await vi.advanceTimersByTimeAsync(2 * leaseTtlMs)
  expect(asked).toEqual(['admit', 'settle'])
})
