import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import type { JobBody } from '../../backend/deferral/job-body.ts'
import { tinyPicture } from '../../bench/jobs/tiny-picture.ts'
import { RedisServer } from '../../bench/support/redis-server.ts'
import { dataUri, samplePath } from '../support/pictures.ts'
import { startTestServer } from '../support/start-test-server.ts'

const cleanUps: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const question = { image: tinyPicture, prompt: 'What?', max_new_tokens: 4, temperature: 0 }

async function start(flags: readonly string[] = []) {
  const redisServer = await RedisServer.start()
  cleanUps.push(() => redisServer.close())
  const server = await startTestServer([
    '--redis-url',
    redisServer.url,
    '--job-lease',
    '2',
    '--threads',
    '1',
    ...flags,
  ])
  cleanUps.push(() => server.close())
  const ask = (path: string, body?: unknown, headers: Record<string, string> = {}) =>
    fetch(`${server.url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  /** Asks again while Redis is on its way back. */
  const submit = async () => {
    for (;;) {
      const response = await ask('/v1/jobs', question)
      if (response.status === 202) return (await response.json()) as JobBody
      expect(response.status).toBe(503)
    }
  }
  const finished = async (id: string) => {
    for (;;) {
      const job = (await (await ask(`/v1/jobs/${id}?wait=30`)).json()) as JobBody
      if (job.status === 'done' || job.status === 'dead') return job
    }
  }
  return { redisServer, server, ask, submit, finished }
}

test('without Redis a submission is refused with 503, and everything goes on when it is back', async () => {
  const { ask, finished, redisServer, submit } = await start()
  const before = await submit()
  await redisServer.kill()
  const refused = await ask('/v1/jobs', question)
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: 'not_ready' } }])
  expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  expect((await ask(`/v1/jobs/${before.id}`)).status).toBe(503)
  // What needs no Redis is served as ever.
  expect((await ask('/health')).status).toBe(200)
  expect((await ask('/v1/multimodal/completions', question)).status).toBe(200)
  await redisServer.resume()
  expect(await finished(before.id)).toMatchObject({ status: 'done' })
  expect(await finished((await submit()).id)).toMatchObject({ status: 'done' })
})

test('a Redis that hangs costs its callers a bounded time, and what it was sent meanwhile is not accepted', async () => {
  const { ask, redisServer, submit, finished } = await start()
  expect(await finished((await submit()).id)).toMatchObject({ status: 'done' })
  redisServer.pause()
  const refused = await ask('/v1/jobs', question)
  expect(refused.status).toBe(503)
  redisServer.unpause()
  const redis = new Redis(redisServer.url)
  cleanUps.push(() => redis.disconnect())
  expect(await finished((await submit()).id)).toMatchObject({ status: 'done' })
  expect(await redis.xlen('glm_queue')).toBe(0)
  const statuses = (await redis.xrange('glm_results', '-', '+')).map(([, fields]) => fields[3])
  expect(statuses.filter((status) => status === 'done')).toHaveLength(2)
})

test('with a full queue, who prefers it gets a job instead of a refusal', async () => {
  const { ask, finished } = await start(['--max-queue', '1', '--max-batch-size', '1'])
  const image = dataUri(readFileSync(samplePath('receipt.png')))
  const long = { image, prompt: 'Hello', max_new_tokens: 600, temperature: 1.9, seed: 3 }
  const running = ask('/v1/multimodal/completions', long)
  const waiting = ask('/v1/multimodal/completions', long)
  const full = async () => {
    const status = (await (await ask('/v1/status')).json()) as { running: number; waiting: number }
    return status.running + status.waiting === 2
  }
  while (!(await full())) await new Promise((resolve) => setTimeout(resolve, 10))
  const refused = await ask('/v1/multimodal/completions', question)
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: 'queue_full' } }])
  const preferred = await ask('/v1/multimodal/completions', question, { prefer: 'respond-async' })
  expect([preferred.status, preferred.headers.get('preference-applied')]).toEqual([202, 'respond-async'])
  const { id } = (await preferred.json()) as JobBody
  expect(await finished(id)).toMatchObject({ status: 'done', result: { object: 'multimodal.completion' } })
  await Promise.all([running, waiting])
})

test('what Redis refuses is told to the log without the request', async () => {
  const redisServer = await RedisServer.start(['--maxmemory', '1mb'])
  cleanUps.push(() => redisServer.close())
  const lines: string[] = []
  const server = await startTestServer(['--redis-url', redisServer.url, '--threads', '1'], lines)
  cleanUps.push(() => server.close())
  const response = await fetch(`${server.url}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...question, prompt: 'my secret' }),
  })
  expect([response.status, await response.json()]).toMatchObject([503, { error: { code: 'queue_full' } }])
  const [told] = lines.filter((line) => line.includes('Request failed'))
  expect(told).toContain('OOM')
  expect(lines.join('')).not.toContain('secret')
})
