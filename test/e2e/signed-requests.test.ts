import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../backend/start-server.ts'
import type { Claims } from '../../shared/claims.ts'
import { createRequestSigner } from '../../shared/signed-request.ts'
import { contentDigestOf, parseSigningKeys } from '../../shared/signing.ts'
import {
  attachmentPart,
  attachmentReference,
  bodyEnd,
  partEnd,
  partHead,
  requestPart,
  wireContentType,
} from '../../shared/wire-body.ts'
import { samplePath, samplePictures } from '../support/pictures.ts'
import { startTestServer } from '../support/start-test-server.ts'

const target = '/v1/multimodal/completions'
const secret = `edge1:${randomBytes(32).toString('base64url')}`
const [key] = parseSigningKeys(secret)
let running: RunningServer

beforeAll(async () => {
  running = await startTestServer(['--signing-key', secret, '--api-key', 'a-key-for-direct-callers'])
})
afterAll(() => running.close())

const [sample] = samplePictures
const claims = (change: Partial<Claims> = {}): Claims => ({
  tenant: 'tenant-1',
  requestId: 'req_1',
  deadlineMs: Date.now() + 60_000,
  maxTotalTokens: 2000,
  ...change,
})

function wireBody(request: Record<string, unknown>): Uint8Array<ArrayBuffer> {
  const boundary = 'boundary-of-this-test'
  return new Uint8Array(
    Buffer.concat([
      Buffer.from(partHead(boundary, attachmentPart(0), 'application/octet-stream')),
      readFileSync(samplePath(sample?.image ?? '')),
      Buffer.from(partEnd + partHead(boundary, requestPart, 'application/json')),
      Buffer.from(JSON.stringify(request) + partEnd + bodyEnd(boundary)),
    ]),
  )
}

const request = () => ({ image: [attachmentReference(0)], prompt: sample?.prompt, temperature: 0 })

async function sign(body: Uint8Array<ArrayBuffer>, change: Partial<Claims> = {}, nowMs = Date.now()) {
  if (key === undefined) throw new Error('the key parses')
  const contentType = wireContentType('boundary-of-this-test')
  const contentDigest = await contentDigestOf(body)
  return createRequestSigner(key)(
    { method: 'POST', target, contentType, contentDigest, claims: claims(change) },
    nowMs,
  )
}

const send = (body: Uint8Array<ArrayBuffer>, headers: Record<string, string>) =>
  fetch(running.url + target, { method: 'POST', headers, body })

test('a signed request is answered for its tenant without a key, and tells how busy the backend is', async () => {
  const body = wireBody(request())
  const response = await send(body, await sign(body))
  expect(await response.json()).toMatchObject({ choices: [{ message: { content: sample?.answer } }] })
  expect(response.headers.get('x-glm-free-slots')).toMatch(/^\d+$/)
  expect(response.headers.get('x-glm-queue-depth')).toMatch(/^\d+$/)
})

test('a replayed, an old, an altered and a forged request are refused before anything runs', async () => {
  const body = wireBody(request())
  const headers = await sign(body)
  expect((await send(body, headers)).status).toBe(200)
  const attempts = [
    send(body, headers),
    send(body, await sign(body, {}, Date.now() - 120_000)),
    send(wireBody({ ...request(), prompt: 'another' }), await sign(body)),
    send(body, { ...(await sign(body)), 'x-glm-signature': headers['x-glm-signature'] ?? '' }),
    send(body, { 'content-type': 'application/json', 'x-glm-claims': headers['x-glm-claims'] ?? '' }),
  ]
  for (const response of await Promise.all(attempts)) {
    expect([response.status, await response.json()]).toMatchObject([
      401,
      { error: { code: 'invalid_signature' } },
    ])
  }
})

test('an answer takes no more tokens than the edge has reserved', async () => {
  const body = wireBody(request())
  const whole = (await (await send(body, await sign(body))).json()) as { usage: { prompt_tokens: number } }
  const promptTokens = whole.usage.prompt_tokens
  const cut = await send(body, await sign(body, { maxTotalTokens: promptTokens + 3 }))
  expect(await cut.json()).toMatchObject({
    choices: [{ finish_reason: 'length' }],
    usage: { completion_tokens: 3 },
  })
  const refused = await send(body, await sign(body, { maxTotalTokens: promptTokens }))
  expect([refused.status, await refused.json()]).toMatchObject([
    400,
    { error: { code: 'context_length_exceeded' } },
  ])
})

test('a signed request never makes the backend fetch', async () => {
  const body = wireBody({ ...request(), image: 'https://example.com/x.png' })
  const response = await send(body, await sign(body))
  expect([response.status, await response.json()]).toMatchObject([
    400,
    { error: { code: 'invalid_image_url' } },
  ])
})
