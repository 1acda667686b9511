import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../backend/start-server.ts'
import { dataUri, samplePath } from '../support/pictures.ts'
import { startTestServer } from '../support/start-test-server.ts'

const KEY = 'a-key-for-this-test'
let running: RunningServer

beforeAll(async () => {
  const limits = ['--max-image-bytes', '200000', '--max-images', '2', '--max-body-bytes', '1000000']
  running = await startTestServer(['--api-key', KEY, ...limits])
})
afterAll(() => running.close())

const receipt = () => readFileSync(samplePath('receipt.png'))
const good = () => ({
  image: dataUri(receipt()),
  prompt: 'What is the total?',
  temperature: 0,
  max_new_tokens: 1,
})

interface Attempt {
  readonly path?: string
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array<ArrayBuffer>
}

function send({ path = '/v1/multimodal/completions', method = 'POST', headers = {}, body }: Attempt) {
  return fetch(running.url + path, {
    method,
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body }),
  })
}

const json = (change: Record<string, unknown>): Attempt => ({
  body: JSON.stringify({ ...good(), ...change }),
})

/** A PNG header that promises 60,000 × 60,000 pixels. */
function pixelBomb(): Buffer {
  const bytes = Buffer.from(receipt())
  bytes.writeUInt32BE(60_000, 16)
  bytes.writeUInt32BE(60_000, 20)
  return bytes
}

test.each<[string, number, string, string | null, () => Attempt]>([
  ['malformed JSON', 400, 'invalid_json', null, () => ({ body: '{"image":' })],
  ['JSON that is not an object', 400, 'invalid_json', null, () => ({ body: '[]' })],
  ['no prompt', 400, 'invalid_request', 'prompt', () => json({ prompt: undefined })],
  ['no image', 400, 'invalid_request', 'image', () => json({ image: undefined })],
  ['an empty prompt', 400, 'invalid_request', 'prompt', () => json({ prompt: '' })],
  ['a temperature out of range', 400, 'invalid_request', 'temperature', () => json({ temperature: 3 })],
  ['a wrong type', 400, 'invalid_request', 'max_new_tokens', () => json({ max_new_tokens: '5' })],
  ['an unknown field', 400, 'unsupported_parameter', 'tempreature', () => json({ tempreature: 0 })],
  ['another model', 404, 'model_not_found', 'model', () => json({ model: 'gpt-5' })],
  [
    'a prompt longer than the context',
    400,
    'context_length_exceeded',
    'prompt',
    () => json({ prompt: '金'.repeat(4000) }),
  ],
  [
    'bytes that are no picture',
    400,
    'invalid_image',
    'image',
    () => json({ image: dataUri(Buffer.from('not a picture')) }),
  ],
  [
    'a truncated picture',
    400,
    'invalid_image',
    'image',
    () => json({ image: dataUri(receipt().subarray(0, 2000)) }),
  ],
  [
    'an SVG',
    400,
    'invalid_image',
    'image',
    () => json({ image: dataUri(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')) }),
  ],
  ['broken base64', 400, 'invalid_image', 'image', () => json({ image: 'data:image/png;base64,@@@@' })],
  [
    'text that is neither URI nor URL',
    400,
    'invalid_image_url',
    'image',
    () => json({ image: 'receipt.png' }),
  ],
  [
    'a URL of this machine',
    400,
    'invalid_image_url',
    'image',
    () => json({ image: 'http://127.0.0.1:1/x.png' }),
  ],
  [
    'a URL with another scheme',
    400,
    'invalid_image_url',
    'image',
    () => json({ image: 'file:///etc/passwd' }),
  ],
  [
    'a picture over --max-image-bytes',
    413,
    'image_too_large',
    'image',
    () => json({ image: dataUri(Buffer.alloc(200_001)) }),
  ],
  [
    'a picture over --max-image-pixels',
    413,
    'image_too_large',
    'image',
    () => json({ image: dataUri(pixelBomb()) }),
  ],
  [
    'too many pictures',
    400,
    'invalid_request',
    'image[2]',
    () => json({ image: Array(3).fill(good().image) }),
  ],
  [
    'a second picture that is bad',
    400,
    'invalid_image',
    'image[1]',
    () => json({ image: [good().image, 'data:image/png;base64,AAAA'] }),
  ],
  [
    'another content type',
    415,
    'unsupported_media_type',
    null,
    () => ({ headers: { 'content-type': 'text/plain' }, body: 'x' }),
  ],
  ['no key', 401, 'invalid_api_key', null, () => ({ ...json({}), headers: { authorization: '' } })],
  [
    'a wrong key',
    401,
    'invalid_api_key',
    null,
    () => ({ ...json({}), headers: { authorization: 'Bearer wrong-key-wrong' } }),
  ],
  ['an unknown path', 404, 'not_found', null, () => ({ path: '/v2', body: '{}' })],
  ['a wrong method', 405, 'method_not_allowed', null, () => ({ method: 'GET' })],
])('%s: %i %s', async (_, status, code, param, attempt) => {
  const response = await send(attempt())
  const text = await response.text()
  expect(text).toContain('"error"')
  expect(JSON.parse(text)).toEqual({
    error: { message: expect.any(String), type: expect.any(String), param, code },
  })
  expect(response.status).toBe(status)
  expect(response.headers.get('x-request-id')).toMatch(/^req_/)
  if (status === 405) expect(response.headers.get('allow')).toBe('POST')
})

test('a body over --max-body-bytes is refused, declared or not', async () => {
  const body = new Uint8Array(1_000_001)
  const declared = await send({ body })
  expect([declared.status, await declared.json()]).toMatchObject([413, { error: { code: 'body_too_large' } }])
  const streamed = await fetch(`${running.url}/v1/multimodal/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: new Blob([body]).stream(),
    duplex: 'half',
  })
  expect(streamed.status).toBe(413)
})

test('the request id of the caller comes back when it is harmless', async () => {
  const kept = await send({ ...json({}), headers: { 'x-request-id': 'order-17.a' } })
  expect(kept.headers.get('x-request-id')).toBe('order-17.a')
  const replaced = await send({ ...json({}), headers: { 'x-request-id': 'a b{}' } })
  expect(replaced.headers.get('x-request-id')).toMatch(/^req_/)
})
