import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../backend/start-server.ts'
import { mutateRequest } from '../support/mutate-request.ts'
import { dataUri } from '../support/pictures.ts'
import { Random, testSeed } from '../support/random.ts'
import { startTestServer } from '../support/start-test-server.ts'

/** A sample here; `npm run fuzz:http` runs ten thousand. */
const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 1000)
const CONCURRENCY = 8

let running: RunningServer
beforeAll(async () => {
  running = await startTestServer(['--request-timeout', '20'])
})
afterAll(() => running.close())

test(`${REQUESTS} random mutations of a valid request give no 500 and no crash`, {
  timeout: 600_000,
}, async () => {
  const seed = testSeed()
  const random = new Random(seed)
  const picture = await sharp({ create: { width: 32, height: 32, channels: 3, background: '#fff' } })
    .png()
    .toBuffer()
  const valid = { image: dataUri(picture), prompt: 'What is the number?', temperature: 0, max_new_tokens: 2 }
  const statuses = new Map<number, number>()
  const worker = async () => {
    while (sent < REQUESTS) {
      sent += 1
      const { method, path, headers, body } = mutateRequest(valid, '/v1/multimodal/completions', random)
      const response = await fetch(running.url + path, { method, headers, body })
      const text = await response.text()
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1)
      const report = `seed ${seed}: ${method} ${path} ${JSON.stringify(headers)} ${Buffer.from(body).toString('latin1').slice(0, 300)} → ${text.slice(0, 300)}`
      expect(response.status < 500 || response.status === 503, report).toBe(true)
      if (response.status >= 400) expect(JSON.parse(text), report).toHaveProperty('error.code')
    }
  }
  let sent = 0
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  expect((await fetch(`${running.url}/health`)).status).toBe(200)
  expect(statuses.get(200), 'some mutations leave the request valid').toBeGreaterThan(0)
  const { running: active, waiting } = running.server.services().engine.stats()
  expect([active, waiting]).toEqual([0, 0])
})
