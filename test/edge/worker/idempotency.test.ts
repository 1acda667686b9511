import { evictDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { admin, call, complete, errorOf, keyObject, makeKey, seenOf, tinyPng } from './support.ts'

async function usedTokens(key: string): Promise<number> {
  const usage = await call('/v1/usage', { headers: { authorization: `Bearer ${key}` } })
  const { days } = (await usage.json()) as { days: { completion_tokens: number }[] }
  return days[0]?.completion_tokens ?? 0
}

test('a repeated request gets the first one’s answer, runs once and is charged once', async () => {
  const made = await makeKey()
  const { key } = made
  const once = () => complete(key, { prompt: 'say 4' }, { 'idempotency-key': 'order-1' })
  const first = await (await once()).text()
  const second = await once()
  expect(second.headers.get('idempotent-replayed')).toBe('true')
  expect(await second.text()).toBe(first)
  expect(await seenOf(made)).toHaveLength(1)
  expect(await usedTokens(key)).toBe(4)
})

test('another body under the same key is refused with 422', async () => {
  const { key } = await makeKey()
  await (await complete(key, { prompt: 'say 1' }, { 'idempotency-key': 'k' })).text()
  const other = await complete(key, { prompt: 'say 2' }, { 'idempotency-key': 'k' })
  expect(await errorOf(other)).toMatchObject({ status: 422, code: 'idempotency_mismatch' })
})

test('a form sent again under the same key is the same request, whatever its boundary', async () => {
  const { key } = await makeKey()
  const send = (boundary: string) => {
    const field = (name: string, value: string) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
    const file = `--${boundary}\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n`
    const png = Uint8Array.from(atob(tinyPng), (character) => character.charCodeAt(0))
    const body = new Blob([field('prompt', 'say 2'), file, png, `\r\n--${boundary}--\r\n`])
    return call('/v1/multimodal/completions', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'idempotency-key': 'form',
        'content-type': `multipart/form-data; boundary=${boundary}`,
      },
      body,
    })
  }
  expect((await send('first')).status).toBe(200)
  expect((await send('second')).headers.get('idempotent-replayed')).toBe('true')
})

test('requests that come while the first runs join its stream from the first byte', async () => {
  const made = await makeKey()
  const { key } = made
  const once = () => complete(key, { prompt: 'slow 10', stream: true }, { 'idempotency-key': 's' })
  const texts = await Promise.all([1, 2, 3].map(async () => (await once()).text()))
  expect(new Set(texts).size).toBe(1)
  expect(texts[0]).toContain('data: [DONE]')
  expect(await seenOf(made)).toHaveLength(1)
})

test('a stream whose client left runs on, and its retry gets all of it', async () => {
  const made = await makeKey()
  const { key } = made
  const once = () => complete(key, { prompt: 'slow 8', stream: true }, { 'idempotency-key': 'left' })
  await (await once()).body?.cancel()
  const retry = await (await once()).text()
  expect(retry).toContain(': usage 7 8\n')
  expect(retry).toContain('data: [DONE]')
  expect(await seenOf(made)).toHaveLength(1)
})

test('a request that got no answer may be sent again under its key', async () => {
  const { key, id } = await makeKey({ disabled: false, models: ['a'] })
  const once = () => complete(key, { model: 'b' }, { 'idempotency-key': 'retry' })
  expect((await once()).status).toBe(403)
  await admin('PATCH', `/${id}`, { models: null })
  const answered = await once()
  expect(answered.status).toBe(200)
  expect(answered.headers.get('idempotent-replayed')).toBeNull()
})

test('an answer is still there after a restart of the key’s object', async () => {
  const { key, id } = await makeKey()
  const once = () => complete(key, { prompt: 'say 6' }, { 'idempotency-key': 'restart' })
  const first = await (await once()).text()
  await evictDurableObject(keyObject(id))
  expect(await (await once()).text()).toBe(first)
})
