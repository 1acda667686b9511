import { createExecutionContext, evictDurableObject, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, expect, test, vi } from 'vitest'
import { createApp } from '../../../edge/app.ts'
import { readSettings } from '../../../edge/env.ts'
import { hashSecret } from '../../../edge/keys/key-format.ts'
import { createServices } from '../../../edge/services.ts'
import { settlementsPath } from '../../../shared/settlement.ts'
import {
  job,
  quotaUsed,
  reservationsOf,
  settle,
  settlementCall,
  submit,
  submitBatch,
  usageOf,
} from './job-support.ts'
import { admin, call, complete, errorOf, keyObject, makeKey, seenOf, tinyPng } from './support.ts'

afterEach(() => {
  vi.useRealTimers()
})

const generous = {
  requests_per_minute: null,
  tokens_per_minute: null,
  image_bytes_per_minute: null,
  pixels_per_minute: null,
  concurrent_requests: null,
}

const keyWith = (limits: Record<string, number | null> = {}) =>
  makeKey({ limits: { ...generous, tokens_per_day: 1_000_000, ...limits } })

async function onlyReservation(made: Awaited<ReturnType<typeof makeKey>>) {
  const [submission] = await reservationsOf(made)
  const [line] = submission?.lines ?? []
  if (!line) throw new Error('nothing was submitted')
  return line
}

test('a job reserves its upper bound until it is settled, then counts what it took, once', async () => {
  const made = await keyWith()
  const accepted = await submit(made.key, { max_new_tokens: 100 })
  expect(accepted.status).toBe(202)
  expect(accepted.headers.get('location')).toMatch(/^\/v1\/jobs\/\d+-0$/)
  const { id, most } = await onlyReservation(made)
  expect(most).toBeGreaterThan(100)
  expect(await quotaUsed(made.key)).toBe(most)
  expect((await usageOf(made.key)).open_jobs).toEqual({ count: 1, tokens: most })
  for (let times = 0; times < 3; times++) {
    const settled = await settle(made.id, id, 7, 5)
    expect([settled.status, await settled.json()]).toEqual([200, { pending: [] }])
  }
  expect(await quotaUsed(made.key)).toBe(12)
  expect(await usageOf(made.key)).toMatchObject({
    open_jobs: { count: 0, tokens: 0 },
    days: [{ requests: 1, prompt_tokens: 7, completion_tokens: 5, images: 1 }],
  })
})

test('a job holds no place among the requests at once, and outlives the minute and its object', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 23, 12) })
  const made = await keyWith({ concurrent_requests: 1 })
  await submit(made.key)
  await submit(made.key)
  await expect.poll(async () => (await complete(made.key)).status).toBe(200)
  const used = await quotaUsed(made.key)
  vi.setSystemTime(Date.now() + 5 * 86_400_000)
  await evictDurableObject(keyObject(made.id))
  const [first, second] = await reservationsOf(made)
  expect((await usageOf(made.key)).open_jobs.count).toBe(2)
  expect(used).toBe((first?.lines[0]?.most ?? 0) + (second?.lines[0]?.most ?? 0) + 10)
  expect((await settle(made.id, first?.lines[0]?.id ?? '', 1, 1)).status).toBe(200)
  expect((await settle(made.id, second?.lines[0]?.id ?? '', 0, 0)).status).toBe(200)
  vi.setSystemTime(Date.UTC(2026, 10, 23, 12))
  await expect.poll(() => quotaUsed(made.key)).toBe(12)
})

test('a job nobody settles is forgotten after forty days, and stands as used', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 1, 12) })
  const made = await keyWith({ tokens_per_month: 1_000_000 })
  await submit(made.key)
  const { id } = await onlyReservation(made)
  vi.setSystemTime(Date.UTC(2026, 11, 12))
  await submit(made.key)
  expect((await usageOf(made.key)).open_jobs.count).toBe(1)
  await settle(made.id, id, 1, 1)
  expect((await usageOf(made.key)).days).toEqual([])
})

test('a refused submission gives everything back; its caller hears the backend’s own reason', async () => {
  const made = await keyWith()
  const mismatch = await submit(made.key, { prompt: 'refuse 422' }, { 'idempotency-key': 'order' })
  expect(await errorOf(mismatch)).toMatchObject({ status: 422, code: 'idempotency_mismatch' })
  const full = await submit(made.key, { prompt: 'refuse 503' })
  expect(full.headers.get('retry-after')).toBe('7')
  expect(await errorOf(full)).toMatchObject({ status: 503, code: 'queue_full', message: 'refused' })
  await expect.poll(() => quotaUsed(made.key)).toBe(0)
  expect((await usageOf(made.key)).open_jobs).toEqual({ count: 0, tokens: 0 })
  expect((await seenOf(made))[0]?.claims.job?.once).toMatchObject({ key: 'order' })
})

test('a submission of unknown fate is given back at once, and charged if it ran all the same', async () => {
  const made = await keyWith()
  expect((await submit(made.key, { prompt: 'doubt' })).status).toBe(503)
  await expect.poll(() => quotaUsed(made.key)).toBe(0)
  const { id } = await onlyReservation(made)
  await evictDurableObject(keyObject(made.id))
  await settle(made.id, id, 7, 3)
  await settle(made.id, id, 7, 3)
  expect(await quotaUsed(made.key)).toBe(10)
})

test('a job over the quota is refused before any backend hears of it', async () => {
  const made = await keyWith({ tokens_per_day: 700 })
  expect((await submit(made.key)).status).toBe(202)
  expect(await errorOf(await submit(made.key))).toMatchObject({ status: 429, code: 'quota_exceeded' })
  expect(await seenOf(made)).toHaveLength(1)
})

test('a batch reserves and settles line by line, each a request', async () => {
  const made = await keyWith({ requests_per_minute: 5 })
  const lines = [10, 200, 30].map((max_new_tokens) => job({ max_new_tokens }))
  const accepted = await submitBatch(made.key, lines)
  expect([accepted.status, await accepted.json()]).toMatchObject([202, { object: 'job' }])
  const [submission] = await reservationsOf(made)
  const [first, second, third] = submission?.lines ?? []
  expect([second, third].map((line) => (line?.most ?? 0) - (first?.most ?? 0))).toEqual([190 + 1, 20])
  expect((await usageOf(made.key)).open_jobs).toEqual({
    count: 3,
    tokens: submission?.lines.reduce((sum, { most }) => sum + most, 0),
  })
  const limits = (await usageOf(made.key)).limits.find(({ name }) => name === 'requestsPerMinute')
  expect(limits?.remaining).toBe(2)
  expect(await errorOf(await submitBatch(made.key, lines))).toMatchObject({ code: 'rate_limit_exceeded' })
  for (const line of submission?.lines ?? []) await settle(made.id, line.id, 2, 1)
  expect(await quotaUsed(made.key)).toBe(9)
  expect((await seenOf(made))[0]?.attachmentSizes).toHaveLength(3)
})

test('a batch of more lines than a minute has requests is told that it never fits', async () => {
  const made = await keyWith({ requests_per_minute: 3 })
  const refused = await submitBatch(
    made.key,
    [1, 2, 3, 4].map((max_new_tokens) => job({ max_new_tokens })),
  )
  expect(refused.headers.get('retry-after')).toBeNull()
  expect(await errorOf(refused)).toMatchObject({ status: 403, code: 'permission_denied' })
  expect(await seenOf(made)).toEqual([])
  await expect.poll(() => quotaUsed(made.key)).toBe(0)
})

test('a key that may use some models submits jobs for these alone, in batches too', async () => {
  const { key } = await makeKey({ models: ['a', 'b'] })
  const batch = async (...models: (string | undefined)[]) =>
    (
      await submitBatch(
        key,
        models.map((model) => job({ model })),
      )
    ).status
  expect([await batch('a', 'a'), await batch('b')]).toEqual([202, 202])
  expect([await batch('a', 'c'), await batch('a', undefined), await batch('c')]).toEqual([403, 403, 403])
  expect([(await submit(key, { model: 'a' })).status, (await submit(key)).status]).toEqual([202, 403])
})

test('one bad line refuses its batch whole, naming the line', async () => {
  const made = await keyWith()
  const refused = await submitBatch(made.key, [job(), { ...job(), colour: 1 }])
  expect(await errorOf(refused)).toMatchObject({
    status: 400,
    code: 'unsupported_parameter',
    param: 'colour',
    message: expect.stringMatching(/^line 2: /),
  })
  const picture = await submitBatch(made.key, [job(), job({ image: 'data:image/png;base64,AAAA' })])
  expect(await errorOf(picture)).toMatchObject({ code: 'invalid_image', param: 'lines[1].image' })
  expect(await seenOf(made)).toEqual([])
  expect(await quotaUsed(made.key)).toBe(0)
})

test('who prefers it gets a job, paid for by what the request had reserved', async () => {
  const made = await keyWith()
  const accepted = await complete(made.key, { prompt: 'later' }, { prefer: 'respond-async' })
  expect([accepted.status, accepted.headers.get('preference-applied')]).toEqual([202, 'respond-async'])
  const { id, most } = await onlyReservation(made)
  expect((await usageOf(made.key)).open_jobs).toEqual({ count: 1, tokens: most })
  expect(await quotaUsed(made.key)).toBe(most)
  await settle(made.id, id, 4, 4)
  expect(await quotaUsed(made.key)).toBe(8)
  expect((await usageOf(made.key)).days).toMatchObject([{ requests: 1, completion_tokens: 4 }])
  const usual = await complete(made.key, { prompt: 'say 1' }, { prefer: 'respond-async' })
  expect(usual.status).toBe(200)
  await usual.text()
  await expect.poll(() => quotaUsed(made.key)).toBe(16)
})

test('a job is its tenant’s alone', async () => {
  const [owner, stranger, partner] = [
    await makeKey({ tenant: 'acme' }),
    await makeKey(),
    await makeKey({ tenant: 'acme' }),
  ]
  const { id } = (await (await submit(owner.key)).json()) as { id: string }
  const ask = async (key: string, method = 'GET', query = '') =>
    (await call(`/v1/jobs/${id}${query}`, { method, headers: { authorization: `Bearer ${key}` } })).status
  expect(await ask(stranger.key)).toBe(404)
  expect(await ask(stranger.key, 'DELETE')).toBe(404)
  expect(await ask(stranger.key, 'GET', '?wait=5')).toBe(404)
  expect([await ask(owner.key), await ask(partner.key), await ask(owner.key, 'DELETE')]).toEqual([
    200, 200, 200,
  ])
  expect(await ask('')).toBe(401)
})

test('what a lease reserved beyond its jobs is given back with their reservation', async () => {
  const made = await keyWith()
  const demand = { tokens: 500, imageBytes: 10, pixels: 10 }
  const who = { secretHash: await hashSecret(made.key.split('_')[3] ?? ''), address: null }
  const object = keyObject(made.id)
  const [granted] = await object.decide([{ type: 'admit', leaseId: 'lease', who, model: null, demand }])
  if (granted?.type !== 'granted') throw new Error('not granted')
  const lease = { id: 'lease', demand, admittedMs: granted.atMs }
  await object.reserveJobs(lease, [{ ...demand, tokens: 300, images: 1 }])
  expect(await quotaUsed(made.key)).toBe(300)
  // The lease is there still: what was settled before is not taken for what is yet to be reserved.
  for (let time = 0; time < 2; time++) {
    expect(await (await settle(made.id, 'lease-0', 20, 0)).json()).toEqual({ pending: [] })
  }
  expect(await quotaUsed(made.key)).toBe(20)
})

test('a settlement may be the first thing a restarted object hears of', async () => {
  const made = await keyWith()
  await submitBatch(made.key, [job(), job()])
  const [submission] = await reservationsOf(made)
  await evictDurableObject(keyObject(made.id))
  await settle(made.id, submission?.lines[0]?.id ?? '', 1, 1)
  expect((await usageOf(made.key)).open_jobs).toEqual({ count: 1, tokens: submission?.lines[1]?.most })
})

test('a settlement that comes before its reservation is asked for again', async () => {
  const made = await keyWith()
  const demand = { tokens: 500, imageBytes: 0, pixels: 0 }
  const who = { secretHash: await hashSecret(made.key.split('_')[3] ?? ''), address: null }
  await keyObject(made.id).decide([{ type: 'admit', leaseId: 'lease', who, model: null, demand }])
  expect(await (await settle(made.id, 'lease-0', 1, 1)).json()).toEqual({ pending: ['lease-0'] })
})

test('a forged, altered, old or replayed settlement settles nothing', async () => {
  const made = await keyWith()
  await submit(made.key)
  const { id, most } = await onlyReservation(made)
  const nothing = [{ reservation: id, prompt_tokens: 0, completion_tokens: 0 }]
  const foreign = { id: 'settle', secret: crypto.getRandomValues(new Uint8Array(32)) }
  const attempts = [
    await settlementCall(made.id, nothing, { key: foreign }),
    await settlementCall(made.id, nothing, { nowMs: Date.now() - 120_000 }),
    await settlementCall(made.id, nothing, {
      body: `${JSON.stringify({ key: made.id, settlements: nothing })} `,
    }),
    { method: 'POST', body: JSON.stringify({ key: made.id, settlements: nothing }) },
  ]
  for (const attempt of attempts) {
    expect(await errorOf(await call(settlementsPath, attempt))).toMatchObject({
      status: 401,
      code: 'invalid_signature',
    })
  }
  expect(await quotaUsed(made.key)).toBe(most)
  const real = await settlementCall(made.id, [
    { ...nothing[0], reservation: id, prompt_tokens: 9, completion_tokens: 0 },
  ])
  expect((await call(settlementsPath, real)).status).toBe(200)
  await evictDurableObject(keyObject(made.id))
  expect((await call(settlementsPath, real)).status).toBe(401)
  expect(await quotaUsed(made.key)).toBe(9)
})

test('a settlement for a key that is gone is taken and forgotten', async () => {
  const made = await keyWith()
  await submit(made.key)
  const { id } = await onlyReservation(made)
  await admin('DELETE', `/${made.id}`)
  const settled = await settle(made.id, id, 1, 1)
  expect([settled.status, await settled.json()]).toEqual([200, { pending: [] }])
})

test('a job with a stream, too many URLs or an unknown field is refused by name', async () => {
  const { key } = await keyWith()
  const urls = Array.from({ length: 9 }, (_, n) => `https://example.com/${n}.png`)
  const cases = [
    [{ stream: true }, 'unsupported_parameter', 'stream'],
    [{ colour: 1 }, 'unsupported_parameter', 'colour'],
    [{ webhook: 'nowhere' }, 'invalid_request', 'webhook'],
    [{ image: urls }, 'invalid_request', 'image'],
    [{ image: 'http://127.0.0.1/x.png' }, 'invalid_image_url', 'image'],
  ] as const
  for (const [fields, code, param] of cases) {
    expect(await errorOf(await submit(key, fields))).toMatchObject({ status: 400, code, param })
  }
})

/** An edge of this test's own, with other settings or another internet. */
async function ownEdge(path: string, init: RequestInit, settings: Record<string, unknown>, internet = fetch) {
  const app = createApp(createServices(readSettings({ ...env, ...settings }), internet))
  const ctx = createExecutionContext()
  const response = await app.fetch(new Request(`http://edge.test${path}`, init), env, ctx)
  await waitOnExecutionContext(ctx)
  return response
}

test('pictures named by URL are fetched and reserved for before a backend hears of the job', async () => {
  const made = await keyWith()
  const png = Uint8Array.from(atob(tinyPng), (character) => character.charCodeAt(0))
  const asked: string[] = []
  const internet = async (url: RequestInfo | URL) => {
    asked.push(String(url))
    return String(url).endsWith('gone.png') ? new Response(null, { status: 404 }) : new Response(png)
  }
  const send = (image: unknown) =>
    ownEdge(
      '/v1/jobs',
      {
        method: 'POST',
        headers: { authorization: `Bearer ${made.key}`, 'content-type': 'application/json' },
        body: JSON.stringify(job({ image })),
      },
      {},
      internet,
    )
  const accepted = await send(['https://example.com/a.png', `data:image/png;base64,${tinyPng}`])
  expect(accepted.status).toBe(202)
  const [{ attachmentSizes, request } = {}] = await seenOf(made)
  expect(attachmentSizes).toEqual([png.length, png.length])
  expect(JSON.stringify(request)).not.toContain('example.com')
  const { id, most } = await onlyReservation(made)
  expect(await quotaUsed(made.key)).toBe(most)
  const refused = await send(['https://example.com/b.png', 'https://example.com/gone.png'])
  expect(await errorOf(refused)).toMatchObject({ status: 400, code: 'image_fetch_failed' })
  expect(await quotaUsed(made.key)).toBe(most)
  await settle(made.id, id, 1, 1)
  expect(await quotaUsed(made.key)).toBe(2)
  expect(asked).toHaveLength(3)
})

test('an edge without settlement keys takes no jobs, and says what it lacks', async () => {
  const { key } = await keyWith()
  const send = async (path: string, init: RequestInit) =>
    errorOf(await ownEdge(path, init, { SETTLEMENT_KEYS: null }))
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  expect(await send('/v1/jobs', { method: 'POST', headers, body: JSON.stringify(job()) })).toMatchObject({
    status: 400,
    code: 'unsupported_parameter',
    message: expect.stringContaining('SETTLEMENT_KEYS'),
  })
  expect(await send(settlementsPath, await settlementCall('key000000000', []))).toMatchObject({ status: 401 })
})
