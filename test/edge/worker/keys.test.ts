import { evictDurableObject, listDurableObjectIds } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, expect, test, vi } from 'vitest'
import { admin, call, complete, errorOf, keyObject, makeKey } from './support.ts'

afterEach(() => {
  vi.useRealTimers()
})

test('a fresh key answers, and names what it used', async () => {
  const { key } = await makeKey()
  const response = await complete(key, { prompt: 'say 5' })
  expect(response.status).toBe(200)
  expect(await response.json()).toMatchObject({ usage: { completion_tokens: 5 } })
  const usage = await call('/v1/usage', { headers: { authorization: `Bearer ${key}` } })
  expect(await usage.json()).toMatchObject({
    days: [{ requests: 1, prompt_tokens: 7, completion_tokens: 5, images: 1 }],
  })
})

test('a forged key is refused and leaves no object behind', async () => {
  const { key } = await makeKey()
  const before = await listDurableObjectIds(env.KEYS)
  const forged = [
    key.replace(/glm_live_.{12}/, 'glm_live_AAAAAAAAAAAA'),
    `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`,
    key.replace('glm_live', 'glm_test'),
    'sk-something-else',
    '',
  ]
  for (const attempt of forged) expect((await complete(attempt)).status).toBe(401)
  expect((await listDurableObjectIds(env.KEYS)).length).toBe(before.length)
})

test('the stored record holds no secret', async () => {
  const { key, id } = await makeKey()
  const secret = key.split('_')[3] ?? ''
  expect(secret).toHaveLength(43)
  const shown = JSON.stringify(await admin('GET', `/${id}`))
  expect(shown).not.toContain(secret)
  expect(shown).not.toContain('"hash"')
})

test('disabling, enabling and deleting act on the very next request', async () => {
  const { key, id } = await makeKey()
  expect((await complete(key)).status).toBe(200)
  await admin('PATCH', `/${id}`, { disabled: true })
  expect((await complete(key)).status).toBe(403)
  await admin('PATCH', `/${id}`, { disabled: false })
  expect((await complete(key)).status).toBe(200)
  await admin('DELETE', `/${id}`)
  expect((await complete(key)).status).toBe(401)
})

test('after a rotation both secrets work until the overlap ends, then the new one alone', async () => {
  const { key: first, id } = await makeKey()
  const { key: second } = await admin<{ key: string }>('POST', `/${id}/rotate`, { overlap_seconds: 60 })
  expect((await complete(first)).status).toBe(200)
  expect((await complete(second)).status).toBe(200)
  vi.setSystemTime(Date.now() + 61_000)
  expect((await complete(first)).status).toBe(401)
  expect((await complete(second)).status).toBe(200)
})

test('a rotation without overlap ends the old secret at once', async () => {
  const { key: first, id } = await makeKey()
  const { key: second } = await admin<{ key: string }>('POST', `/${id}/rotate`, { overlap_seconds: 0 })
  expect((await complete(first)).status).toBe(401)
  expect((await complete(second)).status).toBe(200)
})

test('an expired key is refused', async () => {
  const { key } = await makeKey({ expires_at: new Date(Date.now() + 5000).toISOString() })
  expect((await complete(key)).status).toBe(200)
  vi.setSystemTime(Date.now() + 5001)
  expect(await errorOf(await complete(key))).toMatchObject({ status: 401, code: 'invalid_api_key' })
})

test('a key with models refuses others', async () => {
  const { key } = await makeKey({ models: ['glm-a'] })
  expect((await complete(key, { model: 'glm-a' })).status).toBe(200)
  expect((await complete(key, { model: 'glm-b' })).status).toBe(403)
  expect((await complete(key)).status).toBe(403)
})

test('an address counts only from the hop that proves itself', async () => {
  const { key } = await makeKey({ ips: ['192.0.2.0/24', '2001:db8::/32'] })
  const from = (address: string, secret: string) =>
    complete(key, {}, { 'x-real-ip': address, 'x-hop-secret': secret })
  expect((await from('192.0.2.7', env.HOP_SECRET)).status).toBe(200)
  expect((await from('::ffff:192.0.2.7', env.HOP_SECRET)).status).toBe(200)
  expect((await from('2001:db8::5', env.HOP_SECRET)).status).toBe(200)
  expect((await from('198.51.100.7', env.HOP_SECRET)).status).toBe(403)
  expect((await from('192.0.2.7', 'a guess at the secret')).status).toBe(403)
  expect(
    (await complete(key, {}, { 'x-real-ip': '192.0.2.7', 'cf-connecting-ip': '192.0.2.7' })).status,
  ).toBe(403)
})

test('a restart of its object keeps a key, its use and its limits', async () => {
  const { key, id } = await makeKey({ limits: { requests_per_minute: 2 } })
  expect((await complete(key)).status).toBe(200)
  await evictDurableObject(keyObject(id))
  expect((await complete(key)).status).toBe(200)
  await evictDurableObject(keyObject(id))
  expect(await errorOf(await complete(key))).toMatchObject({ status: 429, code: 'rate_limit_exceeded' })
})

test('without the operator’s token the admin API tells nothing', async () => {
  const { key } = await makeKey()
  for (const token of [key, 'x', '']) {
    const response = await call('/admin/keys', { headers: { authorization: `Bearer ${token}` } })
    expect(response.status).toBe(401)
  }
})

test('the list shows every key with its use, page by page', async () => {
  const made = await Promise.all(Array.from({ length: 5 }, () => makeKey()))
  const [first] = made
  if (first) await complete(first.key)
  const found: { id: string; usage: unknown[] }[] = []
  let after: string | null = ''
  while (after !== null) {
    const page: { keys: typeof found; after: string | null } = await admin('GET', `?limit=2&after=${after}`)
    found.push(...page.keys)
    after = page.after
  }
  expect(found.map(({ id }) => id)).toEqual(expect.arrayContaining(made.map(({ id }) => id)))
  expect(found.find(({ id }) => id === first?.id)?.usage).toMatchObject([{ requests: 1 }])
})
