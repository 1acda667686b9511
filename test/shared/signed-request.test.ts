import { expect, test } from 'vitest'
import { MemoryNonceStore } from '../../shared/nonce-store.ts'
import { createRequestSigner, verifySignedRequest } from '../../shared/signed-request.ts'
import { contentDigestOf, parseSigningKeys } from '../../shared/signing.ts'

const encode = (text: string) => new Uint8Array(new TextEncoder().encode(text))
const secret = (byte: number) => Buffer.alloc(32, byte).toString('base64url')
const [key, nextKey] = parseSigningKeys(`a:${secret(1)},b:${secret(2)}`)
if (!key || !nextKey) throw new Error('two keys were given')

const nowMs = 1_700_000_000_000
const body = encode('{"prompt":"x"}')
const claims = { tenant: 't1', requestId: 'r1', deadlineMs: nowMs + 1000, maxTotalTokens: 100 }
const line = { method: 'POST', target: '/v1/chat/completions?x=1' }

async function signed(signer = key, timeMs = nowMs) {
  const contentDigest = await contentDigestOf(body)
  const parts = { ...line, contentType: 'multipart/form-data; boundary=b', contentDigest, claims }
  return createRequestSigner(signer as NonNullable<typeof key>)(parts, timeMs)
}

function verify(
  headers: Record<string, string>,
  {
    keys = [key, nextKey] as NonNullable<typeof key>[],
    nonces = new MemoryNonceStore(),
    method = line.method,
    target = line.target,
    atMs = nowMs,
  } = {},
) {
  return verifySignedRequest({ method, target, headers: new Headers(headers) }, { keys, nonces, nowMs: atMs })
}

const refused = { code: 'invalid_signature' }

test('what was signed is believed, and its body with it', async () => {
  const verified = await verify(await signed())
  expect(verified?.claims).toEqual(claims)
  await expect(verified?.checkBody(body)).resolves.toBeUndefined()
  await expect(verified?.checkBody(encode('{"prompt":"y"}'))).rejects.toMatchObject(refused)
})

test('either of two keys is accepted, a key that was taken away is not', async () => {
  expect(await verify(await signed(nextKey))).not.toBeNull()
  await expect(verify(await signed(nextKey), { keys: [key] })).rejects.toMatchObject(refused)
})

test('a change to any part of what was signed breaks the signature', async () => {
  const headers = await signed()
  await expect(verify(headers, { method: 'PUT' })).rejects.toMatchObject(refused)
  await expect(verify(headers, { target: '/v1/chat/completions' })).rejects.toMatchObject(refused)
  for (const name of Object.keys(headers)) {
    const value = headers[name] ?? ''
    for (let at = 0; at < value.length; at += 7) {
      const changed = value.slice(0, at) + (value[at] === '1' ? '2' : '1') + value.slice(at + 1)
      await expect(verify({ ...headers, [name]: changed }), `${name} ${at}`).rejects.toMatchObject(refused)
    }
    const { [name]: _, ...without } = headers
    await expect(verify(without), name).rejects.toMatchObject(refused)
  }
})

test('a signature counts once, and only within a minute of its time', async () => {
  const nonces = new MemoryNonceStore()
  const headers = await signed()
  expect(await verify(headers, { nonces })).not.toBeNull()
  await expect(verify(headers, { nonces })).rejects.toMatchObject(refused)
  await expect(verify(headers, { nonces, atMs: nowMs + 59_000 })).rejects.toMatchObject(refused)
  await expect(verify(await signed(), { atMs: nowMs + 61_000 })).rejects.toMatchObject(refused)
  await expect(verify(await signed(), { atMs: nowMs - 61_000 })).rejects.toMatchObject(refused)
})

test('no nonce is forgotten while its signature could still be valid', () => {
  const nonces = new MemoryNonceStore(2)
  expect(nonces.remember('a', 120_000, 0)).toBe(true)
  expect(nonces.remember('b', 120_000, 0)).toBe(true)
  expect(() => nonces.remember('c', 120_000, 0)).toThrow('too many requests')
  expect(nonces.remember('a', 240_000, 119_999)).toBe(false)
  expect(nonces.remember('a', 240_000, 120_000)).toBe(true)
})

test('a request without signature and claims is an internal one, trusted with nothing', async () => {
  expect(await verify({ 'content-type': 'application/json' })).toBeNull()
  await expect(verify({ 'x-glm-claims': 'e30' })).rejects.toMatchObject(refused)
})
