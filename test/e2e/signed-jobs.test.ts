import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../backend/start-server.ts'
import { tinyPicture } from '../../bench/jobs/tiny-picture.ts'
import { RedisServer } from '../../bench/support/redis-server.ts'
import type { Claims } from '../../shared/claims.ts'
import { createRequestSigner } from '../../shared/signed-request.ts'
import { contentDigestOf, parseSigningKeys } from '../../shared/signing.ts'
import {
  attachmentPart,
  attachmentReference,
  bodyEnd,
  limitsPart,
  partEnd,
  partHead,
  requestPart,
  wireContentType,
} from '../../shared/wire-body.ts'
import { startTestServer } from '../support/start-test-server.ts'

const secret = `edge1:${randomBytes(32).toString('base64url')}`
const [key] = parseSigningKeys(secret)
let redis: RedisServer
let withoutRedis: RunningServer
let withoutEdge: RunningServer
let whole: RunningServer

beforeAll(async () => {
  redis = await RedisServer.start()
  const flags = ['--signing-key', secret, '--threads', '1']
  const jobs = ['--redis-url', redis.url]
  withoutRedis = await startTestServer(flags)
  withoutEdge = await startTestServer([...flags, ...jobs])
  const settles = ['--edge-url', 'http://127.0.0.1:9', '--settlement-key', secret]
  whole = await startTestServer([...flags, ...jobs, ...settles])
})
afterAll(async () => {
  await Promise.all([withoutRedis, withoutEdge, whole].map((server) => server?.close()))
  await redis?.close()
})

const job = { keyId: 'key000000000', reservation: 'lease-of-this-test', once: null }

/** A job's submission as an edge signs it. */
async function submit(
  server: RunningServer,
  request: unknown = question,
  claimed: Claims['job'] | null = job,
  path = '/v1/jobs',
  limits: readonly number[] = [],
) {
  if (key === undefined) throw new Error('the key parses')
  const boundary = 'boundary-of-this-test'
  const body = new Uint8Array(
    Buffer.concat([
      Buffer.from(partHead(boundary, attachmentPart(0), 'application/octet-stream')),
      Buffer.from(tinyPicture.slice(tinyPicture.indexOf(',') + 1), 'base64'),
      Buffer.from(partEnd + partHead(boundary, requestPart, 'application/json')),
      Buffer.from(JSON.stringify(request) + partEnd + partHead(boundary, limitsPart, 'application/json')),
      Buffer.from(JSON.stringify(limits) + partEnd + bodyEnd(boundary)),
    ]),
  )
  const contentType = wireContentType(boundary)
  const claims = {
    tenant: 't',
    requestId: 'r',
    deadlineMs: Date.now() + 60_000,
    maxTotalTokens: 500,
    ...(claimed && { job: claimed }),
  }
  const parts = {
    method: 'POST',
    target: path,
    contentType,
    contentDigest: await contentDigestOf(body),
    claims,
  }
  const headers = await createRequestSigner(key)(parts, Date.now())
  const response = await fetch(server.url + path, { method: 'POST', headers, body })
  return {
    status: response.status,
    body: (await response.json()) as { error?: { message: string; code: string } },
  }
}

const question = { image: [attachmentReference(0)], prompt: 'What?', max_new_tokens: 2 }

test('a backend without Redis has no jobs, for an edge as for anybody', async () => {
  expect(await submit(withoutRedis)).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } })
})

test('a backend that cannot tell the edge what jobs take refuses them, naming what it lacks', async () => {
  for (const refused of [
    await submit(withoutEdge),
    await submit(withoutEdge, { lines: [question] }, job, '/v1/batches', [500]),
  ]) {
    expect(refused).toMatchObject({
      status: 400,
      body: {
        error: {
          code: 'unsupported_parameter',
          message: expect.stringMatching(/--edge-url.*--settlement-key/),
        },
      },
    })
  }
})

test('a job the edge has reserved nothing for is refused', async () => {
  expect(await submit(whole, question, null)).toMatchObject({
    status: 400,
    body: { error: { code: 'invalid_request', message: expect.stringContaining('reserved nothing') } },
  })
})

test('a job of an edge’s never makes the backend fetch', async () => {
  const named = { ...question, image: 'https://example.com/x.png' }
  expect(await submit(whole, named)).toMatchObject({
    status: 400,
    body: { error: { code: 'invalid_image_url' } },
  })
})

test('a batch whose lines lack their limits is refused', async () => {
  expect(await submit(whole, { lines: [question, question] }, job, '/v1/batches', [500])).toMatchObject({
    status: 400,
    body: { error: { code: 'invalid_request' } },
  })
})

test('a submission the edge sends again, since it heard no answer, is the same job', async () => {
  const [first, second] = [await submit(whole), await submit(whole)]
  expect(first.status).toBe(202)
  expect(second.body).toMatchObject({ id: (first.body as { id?: string }).id })
})
