import { afterEach, expect, test, vi } from 'vitest'
import { call, complete, errorOf, makeKey } from './support.ts'

const generous = {
  requests_per_minute: null,
  tokens_per_minute: null,
  image_bytes_per_minute: null,
  pixels_per_minute: null,
  concurrent_requests: null,
}

afterEach(() => {
  vi.useRealTimers()
})

function keyWith(limits: Record<string, number | null>) {
  return makeKey({ limits: { ...generous, ...limits } })
}

test('the remaining requests count down, and after Retry-After one more is let in', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 23, 12) })
  const { key } = await keyWith({ requests_per_minute: 3 })
  for (const left of [2, 1, 0]) {
    const response = await complete(key)
    expect(response.headers.get('ratelimit-policy')).toBe('"rpm";q=3;w=60')
    expect(response.headers.get('ratelimit')).toContain(`"rpm";r=${left};t=`)
    expect(response.headers.get('x-ratelimit-remaining-requests')).toBe(String(left))
  }
  const refused = await complete(key)
  const waitS = Number(refused.headers.get('retry-after'))
  expect(await errorOf(refused)).toMatchObject({ status: 429, code: 'rate_limit_exceeded' })
  vi.setSystemTime(Date.now() + (waitS - 2) * 1000)
  expect((await complete(key)).status).toBe(429)
  vi.setSystemTime(Date.now() + 2000)
  expect((await complete(key)).status).toBe(200)
})

test('tokens are reserved in full and settled to the real count', async () => {
  const { key } = await keyWith({ tokens_per_minute: 2048 })
  const first = await complete(key, { prompt: 'say 5', max_new_tokens: 100 })
  const reservedLeft = Number(first.headers.get('x-ratelimit-remaining-tokens'))
  expect(reservedLeft).toBeLessThan(2048 - 105)
  const usage = await call('/v1/usage', { headers: { authorization: `Bearer ${key}` } })
  const { limits } = (await usage.json()) as { limits: { name: string; remaining: number }[] }
  expect(limits.find(({ name }) => name === 'tokensPerMinute')?.remaining).toBe(2048 - 12)
})

test('a request that may never fit a limit is told so, without a Retry-After', async () => {
  const { key } = await keyWith({ tokens_per_minute: 100 })
  const refused = await complete(key)
  expect(refused.headers.get('retry-after')).toBeNull()
  expect(await errorOf(refused)).toMatchObject({ status: 403, code: 'permission_denied' })
})

test('the day’s quota ends requests until midnight UTC, the month’s until the first', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 29, 23, 59, 30) })
  const { key } = await keyWith({ tokens_per_day: 800, tokens_per_month: 1400 })
  const spend = () => complete(key, { prompt: 'say 400', max_new_tokens: 400 })
  expect((await spend()).status).toBe(200)
  const refused = await spend()
  expect(refused.headers.get('retry-after')).toBe('30')
  expect(await errorOf(refused)).toMatchObject({ status: 429, code: 'quota_exceeded' })
  vi.setSystemTime(Date.UTC(2026, 10, 30, 0, 0, 1))
  expect((await spend()).status).toBe(200)
  vi.setSystemTime(Date.UTC(2026, 10, 30, 0, 2))
  expect(await errorOf(await spend())).toMatchObject({ code: 'quota_exceeded' })
  vi.setSystemTime(Date.UTC(2026, 11, 1, 0, 0, 1))
  expect((await spend()).status).toBe(200)
})

test('what a refused request reserved is given back', async () => {
  const { key } = await keyWith({ tokens_per_minute: 700, pixels_per_minute: 1 })
  const busy = await complete(key, { prompt: 'refuse 503', max_new_tokens: 500 })
  expect(busy.headers.get('retry-after')).toBe('3')
  expect(await errorOf(busy)).toMatchObject({ status: 503, code: 'queue_full' })
  await expect
    .poll(async () => (await complete(key, { prompt: 'say 1', max_new_tokens: 500 })).status)
    .toBe(200)
})
