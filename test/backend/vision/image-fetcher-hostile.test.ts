import type { RequestListener, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { ApiError } from '../../../shared/errors.ts'
import { fetcherOn, picture, startSite, startSocketSite } from './support/picture-site.ts'

const names = { 'example.com': [['93.184.216.34']] }
const url = 'http://example.com/a.png'

const answer =
  (status: number, headers: Record<string, string>, body: string | Uint8Array): RequestListener =>
  (_request, response) =>
    response.writeHead(status, headers).end(body)

const failures: Record<string, RequestListener> = {
  'an error page': answer(500, { 'x-secret': 'secret' }, 'secret'),
  'a missing page': answer(404, {}, 'secret'),
  'a part of the picture (206)': answer(206, { 'content-range': 'bytes 0-9/10' }, picture),
  'no content (204)': answer(204, {}, ''),
  'a status of its own': answer(299, {}, picture),
  'an empty answer': answer(200, {}, ''),
  'HTML under a picture label': answer(200, { 'content-type': 'image/png' }, '<!doctype html><p>secret'),
  'a picture under an HTML label': answer(200, { 'content-type': 'text/html' }, picture),
  SVG: answer(200, { 'content-type': 'image/svg+xml' }, '<svg xmlns="http://www.w3.org/2000/svg"/>'),
  'SVG under a picture label': answer(
    200,
    { 'content-type': 'image/png' },
    '<svg xmlns="http://www.w3.org/2000/svg"/>',
  ),
  JSON: answer(200, { 'content-type': 'application/json' }, '{"secret":1}'),
  'a compressed picture': answer(200, { 'content-encoding': 'gzip' }, gzipSync(picture)),
  'a compressed picture that does not say so': answer(200, {}, gzipSync(picture)),
  'fewer bytes than announced': (_request, response) => {
    response.writeHead(200, { 'content-length': String(picture.length + 1) })
    response.write(picture, () => response.destroy())
  },
  'a picture broken off': (_request, response) => {
    response.write(picture.subarray(0, 100), () => response.destroy())
  },
  'an error page without end': (_request, response) => {
    response.writeHead(500)
    endless(response, picture)
  },
  'a redirect with a body without end': (_request, response) => {
    response.writeHead(302, { location: 'http://10.0.0.1/' })
    endless(response, picture)
  },
  'headers without end': (request) => {
    request.socket.write('HTTP/1.1 200 OK\r\n')
    forever(() => request.socket.write(`x-${'a'.repeat(1000)}: b\r\n`), request.socket)
  },
}

for (const [what, listener] of Object.entries(failures)) {
  test(`${what} is refused, and nothing of it told`, async () => {
    const { fetch } = fetcherOn({ names, port: await startSite(listener) })
    expect(await failureOf(fetch(url))).toEqual(await failureOf(fetcherOn({ names }).fetch(url)))
  })
}

test('a host that does not answer, and one that is no HTTP, look alike to the caller', async () => {
  const port = await startSocketSite((socket) => socket.end('SSH-2.0-OpenSSH_9.6 secret\r\n'))
  const silent = await startSocketSite(() => {})
  const limits = { connectTimeoutMs: 20, headersTimeoutMs: 50 }
  const nobody = await failureOf(fetcherOn({ names }).fetch(url))
  expect(await failureOf(fetcherOn({ names, port }).fetch(url))).toEqual(nobody)
  expect(await failureOf(fetcherOn({ names, port: silent, limits }).fetch(url))).toEqual(nobody)
})

test.each([
  ['no type at all', {}],
  ['another picture type', { 'content-type': 'image/jpeg' }],
  ['plain text', { 'content-type': 'text/plain' }],
  ['bytes', { 'content-type': 'application/octet-stream' }],
])('a picture labelled as %s is taken: the bytes decide', async (_label, headers) => {
  const { fetch } = fetcherOn({ names, port: await startSite(answer(200, headers, picture)) })
  expect(await fetch(url)).toEqual(new Uint8Array(picture))
})

test('headers that trickle are given up within the time for headers', async () => {
  const closed = Promise.withResolvers<void>()
  const port = await startSocketSite((socket) => {
    socket.on('close', () => closed.resolve())
    socket.write('HTTP/1.1 200 OK\r\nx-slow: ')
    forever(() => socket.write('a'), socket, 5)
  })
  const { fetch } = fetcherOn({ names, port, limits: { connectTimeoutMs: 20, headersTimeoutMs: 50 } })
  await expect(fetch(url)).rejects.toMatchObject({ code: 'image_fetch_failed' })
  await closed.promise
})

test('a body that trickles is given up for its rate, a silent one for its time', async () => {
  const closed = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const
  const trickle = await startSite((_request, response) => {
    response.on('close', () => closed[0].resolve())
    response.write(picture.subarray(0, 100))
    forever(() => response.write('a'), response, 5)
  })
  const silent = await startSite((_request, response) => {
    response.on('close', () => closed[1].resolve())
    response.write(picture.subarray(0, 100))
  })
  const rate = { minBytesPerSecond: 100_000, graceMs: 50 }
  const overdue = { totalTimeoutMs: 100 }
  await expect(fetcherOn({ names, port: trickle, limits: rate }).fetch(url)).rejects.toMatchObject({
    code: 'image_fetch_failed',
  })
  await expect(fetcherOn({ names, port: silent, limits: overdue }).fetch(url)).rejects.toMatchObject({
    code: 'image_fetch_failed',
  })
  await Promise.all(closed.map(({ promise }) => promise))
})

test('an endless body is left as soon as it exceeds the limit, whatever it announced', async () => {
  const port = await startSite((_request, response) => endless(response, picture))
  const { fetch } = fetcherOn({ names, port, limits: { maxBytes: 100_000 } })
  await expect(fetch(url)).rejects.toMatchObject({ code: 'image_too_large', status: 413, param: 'image' })
})

test('what is no picture is left at its first bytes, however long it is', async () => {
  const port = await startSite((_request, response) => endless(response, Buffer.from('not a picture')))
  const { fetch } = fetcherOn({ names, port, limits: { maxBytes: Number.MAX_SAFE_INTEGER } })
  await expect(fetch(url)).rejects.toMatchObject({ code: 'image_fetch_failed' })
})

test('a picture with too many pixels is left at its header', async () => {
  const bomb = new Uint8Array(picture.subarray(0, 33))
  new DataView(bomb.buffer).setUint32(16, 50_000)
  const port = await startSite((_request, response) => endless(response, bomb))
  const { fetch } = fetcherOn({ names, port, limits: { maxBytes: Number.MAX_SAFE_INTEGER } })
  await expect(fetch(url)).rejects.toMatchObject({ code: 'image_too_large' })
})

test('the caller leaving ends the transfer, and the next gets its turn', async () => {
  const arrived = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  let visits = 0
  const port = await startSite((_request, response) => {
    visits += 1
    if (visits === 1) {
      response.on('close', () => closed.resolve())
      response.write(picture.subarray(0, 100), () => arrived.resolve())
    } else {
      response.end(picture)
    }
  })
  const { fetch } = fetcherOn({ names, port, limits: { maxConcurrent: 1, maxWaiting: 1 } })
  const leaving = new AbortController()
  const first = fetch(url, leaving)
  const second = fetch(url)
  await expect(fetch(url)).rejects.toMatchObject({ code: 'queue_full', status: 503, retryAfterS: 15 })
  await arrived.promise
  leaving.abort(new Error('left'))
  await expect(first).rejects.toThrow('left')
  await closed.promise
  expect(await second).toEqual(new Uint8Array(picture))
})

async function failureOf(fetched: Promise<Uint8Array>) {
  const error: ApiError = await fetched.then(
    () => expect.fail('it was fetched'),
    (reason: ApiError) => reason,
  )
  expect(error.code).toBe('image_fetch_failed')
  return error.body()
}

/** Writes until the other side hangs up. */
function forever(
  write: () => void,
  stream: { on(event: 'close', listener: () => void): unknown },
  everyMs = 0,
): void {
  const timer = setInterval(write, everyMs)
  stream.on('close', () => clearInterval(timer))
}

function endless(response: ServerResponse, start: Uint8Array): void {
  response.write(start)
  const more = () => {
    if (!response.destroyed) response.write(Buffer.alloc(16_384), more)
  }
  more()
}
