import { expect, test } from 'vitest'
import { call, complete, errorOf, makeKey, seenOf, tinyPng } from './support.ts'

const made = await makeKey({ limits: { requests_per_minute: null, tokens_per_minute: null } })
const { key } = made
const uri = `data:image/png;base64,${tinyPng}`
const pngBytes = Uint8Array.from(atob(tinyPng), (character) => character.charCodeAt(0))

function post(body: BodyInit, headers: Record<string, string>, path = '/v1/multimodal/completions') {
  return call(path, { method: 'POST', headers: { authorization: `Bearer ${key}`, ...headers }, body })
}

/** What the backend was sent last. */
async function lastSeen() {
  const last = (await seenOf(made)).at(-1)
  if (!last) throw new Error('the backend has seen nothing')
  return last
}

const postJson = (body: unknown, path?: string) =>
  post(JSON.stringify(body), { 'content-type': 'application/json' }, path)

test('the backend gets the picture as raw bytes and the JSON without it, under the key’s tenant', async () => {
  expect((await complete(key, { prompt: '列出所有金额' }, { 'x-request-id': 'mine-1' })).status).toBe(200)
  const seen = await lastSeen()
  expect(seen.attachmentSizes).toEqual([pngBytes.length])
  expect(seen.request).toEqual({ prompt: '列出所有金额', image: ['attachment:0'], max_new_tokens: 512 })
  expect(seen.claims).toMatchObject({ requestId: 'mine-1' })
})

test('a trace goes on under the caller’s id with a span of ours', async () => {
  const given = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  await complete(key, {}, { traceparent: given })
  const { traceparent } = await lastSeen()
  expect(traceparent).toMatch(/^00-a{32}-(?!b{16})[0-9a-f]{16}-01$/)
})

test('a chat’s pictures become attachments where they stood', async () => {
  const image = (url: string) => ({ type: 'image_url', image_url: { url, detail: 'high' } })
  const content = [image(uri), { type: 'text', text: 'say 2' }, image(uri.replaceAll('/', '\\/'))]
  const body = JSON.stringify({ messages: [{ role: 'user', content }], max_tokens: 9 }).replaceAll(
    '\\\\/',
    '\\/',
  )
  expect((await post(body, { 'content-type': 'application/json' }, '/v1/chat/completions')).status).toBe(200)
  const { request, attachmentSizes } = await lastSeen()
  expect(attachmentSizes).toEqual([pngBytes.length, pngBytes.length])
  expect(request).toEqual({
    messages: [
      {
        role: 'user',
        content: [image('attachment:0'), { type: 'text', text: 'say 2' }, image('attachment:1')],
      },
    ],
    max_completion_tokens: 9,
  })
})

test('a form is the same request as its JSON', async () => {
  const form = new FormData()
  form.set('prompt', 'say 2')
  form.set('temperature', '0.5')
  form.set('stream', 'false')
  form.append('image', new Blob([pngBytes]), 'receipt.png')
  const request = new Request('http://x', { method: 'POST', body: form })
  const body = await request.arrayBuffer()
  const contentType = request.headers.get('content-type') ?? ''
  expect((await post(body, { 'content-type': contentType })).status).toBe(200)
  const seen = await lastSeen()
  expect(seen.request).toMatchObject({
    prompt: 'say 2',
    temperature: 0.5,
    stream: false,
    image: ['attachment:0'],
  })
  expect(seen.attachmentSizes).toEqual([pngBytes.length])
})

test.each([
  ['an alphabet that is not base64’s', 'data:image/png;base64,iVBO*Rw0KGgo=', 'invalid_image'],
  [
    'white space within',
    `data:image/png;base64,${tinyPng.slice(0, 40)} ${tinyPng.slice(40)}`,
    'invalid_image',
  ],
  ['padding cut off', uri.replace(/=+$/, ''), 'invalid_image'],
  ['padding bits set', uri.replace(/gg==$/, 'gh=='), 'invalid_image'],
  ['no picture at all', 'data:image/png;base64,aGVsbG8gd29ybGQ=', 'invalid_image'],
  ['another type', `data:text/html;base64,${tinyPng}`, 'invalid_image'],
  ['parameters', `data:image/png;charset=utf-8;base64,${tinyPng}`, 'invalid_image'],
  ['nothing', 'data:image/png;base64,', 'invalid_image'],
  ['a private address', 'http://127.0.0.1/a.png', 'invalid_image_url'],
  ['a file', 'file:///etc/passwd', 'invalid_image_url'],
  ['a reference of ours', 'attachment:0', 'invalid_image_url'],
])('a picture with %s is refused, and the field is named', async (_, image, code) => {
  expect(await errorOf(await postJson({ image: [uri, image], prompt: 'x' }))).toMatchObject({
    status: 400,
    code,
    param: 'image[1]',
  })
})

test('a bomb is refused from its header', async () => {
  const bomb = pngBytes.slice()
  new DataView(bomb.buffer).setUint32(16, 30_000)
  new DataView(bomb.buffer).setUint32(20, 30_000)
  const image = `data:image/png;base64,${btoa(String.fromCharCode(...bomb))}`
  expect(await errorOf(await postJson({ image, prompt: 'x' }))).toMatchObject({
    status: 413,
    code: 'image_too_large',
  })
})

test('a data URI that stands where text belongs is no picture and no text', async () => {
  expect(await errorOf(await postJson({ image: uri, prompt: uri }))).toMatchObject({
    status: 400,
    code: 'invalid_request',
  })
})

test('text that merely begins like a data URI is text', async () => {
  expect((await postJson({ image: uri, prompt: 'data: what is this, "quoted" \\ and 文字?' })).status).toBe(
    200,
  )
  expect((await lastSeen()).request['prompt']).toBe('data: what is this, "quoted" \\ and 文字?')
})

test.each([
  ['malformed JSON', '{"image": ', 'application/json', 400, 'invalid_json'],
  ['JSON that ends in a string', '{"image": "ab', 'application/json', 400, 'invalid_json'],
  ['a missing field', '{"prompt":"x"}', 'application/json', 400, 'invalid_request'],
  [
    'an unknown field',
    `{"image":"${uri}","prompt":"x","foo":1}`,
    'application/json',
    400,
    'unsupported_parameter',
  ],
  ['another content type', 'x', 'text/plain', 415, 'unsupported_media_type'],
  [
    'a form cut off',
    '--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nx',
    'multipart/form-data; boundary=b',
    400,
    'invalid_request',
  ],
])('%s is the caller’s mistake', async (_, body, contentType, status, code) => {
  expect(await errorOf(await post(body, { 'content-type': contentType }))).toMatchObject({ status, code })
})

test('a body over the limit is refused while it streams in, without a Content-Length', async () => {
  const chunk = new Uint8Array(1024 * 1024).fill(0x20)
  let sent = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += chunk.length
      if (sent > 60 * chunk.length) controller.close()
      else controller.enqueue(chunk)
    },
  })
  expect(await errorOf(await post(body, { 'content-type': 'application/json' }))).toMatchObject({
    status: 413,
    code: 'body_too_large',
  })
  expect(sent).toBeLessThan(40 * chunk.length)
})

test('a picture of several megabytes arrives whole, however its bytes were cut', async () => {
  const large = new Uint8Array(3_000_001)
  large.set(pngBytes)
  let text = ''
  for (let at = 0; at < large.length; at += 30_000)
    text += String.fromCharCode(...large.subarray(at, at + 30_000))
  expect((await postJson({ image: `data:image/jpeg;base64,${btoa(text)}`, prompt: 'say 1' })).status).toBe(
    200,
  )
  expect((await lastSeen()).attachmentSizes).toEqual([large.length])
})

test('wrong methods and paths are told as HTTP says', async () => {
  const wrongMethod = await call('/v1/multimodal/completions')
  expect(wrongMethod.headers.get('allow')).toBe('POST')
  expect(await errorOf(wrongMethod)).toMatchObject({ status: 405 })
  expect(await errorOf(await call('/v2/nothing'))).toMatchObject({ status: 404, code: 'not_found' })
})

test('every answer has a request id and refuses to be framed or sniffed', async () => {
  for (const response of [await complete(key), await call('/nowhere'), await call('/livez')]) {
    expect(response.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{32}$/)
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  }
})

test('a chat request is judged by the backend’s own schema, before anything is reserved or sent', async () => {
  const made = await makeKey()
  const chat = (body: unknown) =>
    call('/v1/chat/completions', {
      method: 'POST',
      headers: { authorization: `Bearer ${made.key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const messages = [{ role: 'user', content: 'say 1' }]
  for (const [body, code, param] of [
    [{ messages, top_logprobs: 2 }, 'invalid_request', 'top_logprobs'],
    [{ messages, temprature: 1 }, 'unsupported_parameter', 'temprature'],
    [{ messages: [{ role: 'bot', content: 'x' }] }, 'invalid_request', 'messages[0].role'],
    [{ messages, max_tokens: 3, max_completion_tokens: 4 }, 'invalid_request', 'max_tokens'],
  ] as const) {
    expect(await errorOf(await chat(body))).toMatchObject({ status: 400, code, param })
  }
  expect(await seenOf(made)).toEqual([])
})
