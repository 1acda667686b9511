import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { queueKeys } from '../../../backend/jobs/queue-keys.ts'
import { RedisServer } from '../../../bench/support/redis-server.ts'
import { ApiError } from '../../../shared/errors.ts'
import { eventually, link, openQueue } from './job-setup.ts'

let server: RedisServer
beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.close())
beforeEach(async () => {
  await (await link(server.url)).flushall()
})

const one = (token: string, request = '{}') => ({
  token,
  digest: request,
  caller: 'somebody',
  batch: null,
  reservation: null,
  jobs: [{ request, webhook: null, maxTotalTokens: null }],
})
const noTokens = { promptTokens: 0, completionTokens: 0 }
const problem = new ApiError('internal_error', 'internal error').body()

async function taken(consumer: string) {
  const { queue, redis } = await openQueue(server.url)
  await redis.xreadgroup('GROUP', 'glm', consumer, 'COUNT', 10, 'STREAMS', queueKeys.queue, '>')
  return { queue, redis }
}

async function begun(id: string, consumer: string) {
  const { queue } = await openQueue(server.url)
  const attempt = await queue.begin(id, consumer, 'anonymous', '')
  if (attempt.type !== 'run') throw new Error(`the attempt is ${attempt.type}`)
  return attempt
}

test('an answer is written once: an attempt that is not the newest writes nothing', async () => {
  const { queue, redis } = await openQueue(server.url)
  const id = await queue.submit(one('a'), 1000)
  await taken('first')
  const old = await begun(id, 'first')
  const current = await begun(id, 'second')
  expect(await queue.complete(old, 'stale', '"stale"', noTokens)).toBe(false)
  expect(await queue.bury(old, problem)).toBe(false)
  expect(await queue.postpone(old, 0, problem, false)).toBe(false)
  expect(await queue.complete(current, 'fresh', '"fresh"', noTokens)).toBe(true)
  expect(await queue.complete(current, 'again', '"again"', noTokens)).toBe(false)
  expect(await queue.read(id)).toMatchObject({ status: 'done', result: '"fresh"', attempts: 2 })
  expect(await redis.xlen(queueKeys.results)).toBe(1)
})

test('an entry leaves the queue only with the end of its job, acknowledged in the same step', async () => {
  const { queue, redis } = await openQueue(server.url)
  const id = await queue.submit(one('a'), 1000)
  await taken('first')
  const attempt = await begun(id, 'first')
  expect(await redis.xlen(queueKeys.queue)).toBe(1)
  await queue.complete(attempt, '', '""', noTokens)
  expect(await redis.xlen(queueKeys.queue)).toBe(0)
  expect((await redis.xpending(queueKeys.queue, 'glm'))[0]).toBe(0)
})

test('the same token is the same job, fifty times at once; with another body it is refused', async () => {
  const { queue, redis } = await openQueue(server.url)
  const ids = await Promise.all(Array.from({ length: 50 }, () => queue.submit(one('a'), 1000)))
  expect(new Set(ids).size).toBe(1)
  expect(await redis.xlen(queueKeys.queue)).toBe(1)
  await expect(queue.submit(one('a', '{"b":1}'), 1000)).rejects.toMatchObject({
    code: 'idempotency_mismatch',
  })
})

test('a full queue refuses, a batch that does not fit as a whole', async () => {
  const { queue, redis } = await openQueue(server.url, { maxJobs: 2 })
  await queue.submit(one('a'), 1000)
  const jobs = [1, 2].map(() => ({ request: '{}', webhook: null, maxTotalTokens: null }))
  await expect(queue.submit({ ...one('b'), batch: 'batch_1', jobs }, 1000)).rejects.toMatchObject({
    code: 'queue_full',
  })
  await queue.submit(one('c'), 1000)
  await expect(queue.submit(one('d'), 1000)).rejects.toMatchObject({ code: 'queue_full', status: 503 })
  expect(await redis.xlen(queueKeys.queue)).toBe(2)
})

test('a submission that reaches Redis after its caller was refused accepts nothing', async () => {
  const { queue, redis } = await openQueue(server.url)
  await expect(queue.submit(one('a'), -1000)).rejects.toThrow('too late')
  expect(await redis.dbsize()).toBe(1) // the stream and its group alone
})

test('a job given up is a dead letter with its reason and all it held', async () => {
  const { queue, redis } = await openQueue(server.url)
  const id = (await redis.xadd(queueKeys.queue, '*', 'image_url', 'u', 'prompt', 'p')) ?? ''
  await taken('first')
  await queue.bury(await begun(id, 'first'), problem)
  const [letter] = await redis.xrange(queueKeys.dead, '-', '+')
  expect(letter?.[1].join(' ')).toContain(`job ${id} reason internal_error`)
  expect(letter?.[1].slice(-4)).toEqual(['image_url', 'u', 'prompt', 'p'])
  expect(await queue.read(id)).toMatchObject({ status: 'dead', error: JSON.stringify(problem.error) })
  expect(await redis.xlen(queueKeys.queue)).toBe(0)
})

test('an attempt that waits for its retry is neither reclaimed nor completed, and becomes due once', async () => {
  const { queue } = await openQueue(server.url)
  const id = await queue.submit(one('a'), 1000)
  await taken('first')
  const attempt = await begun(id, 'first')
  await queue.postpone(attempt, 0, problem, false)
  expect((await queue.reclaim('other', 0, '0-0', 10)).attempts).toEqual([])
  expect(await queue.complete(attempt, '', '""', noTokens)).toBe(false)
  const takers = await Promise.all(['a', 'b', 'c'].map((name) => queue.takeDue(name, 10)))
  expect(takers.flat().map((entry) => entry.id)).toEqual([id])
})

test('what nobody renews is found by others; what is renewed is not', async () => {
  const { queue } = await openQueue(server.url)
  const ids = [await queue.submit(one('a'), 1000), await queue.submit(one('b'), 1000)]
  await taken('first')
  const attempts = await Promise.all(ids.map((id) => begun(id, 'first')))
  const found = await eventually(async () => {
    expect(await queue.renew('first', attempts.slice(0, 1))).toEqual([])
    const page = await queue.reclaim('second', 1000, '0-0', 10)
    return page.attempts.length === 0 ? null : page
  })
  expect(found.attempts).toEqual([{ id: ids[1], attempt: 1, tries: 1 }])
})

test('a spared attempt does not count as a try, and its number still fences', async () => {
  const { queue } = await openQueue(server.url)
  const id = await queue.submit(one('a'), 1000)
  await taken('first')
  await queue.postpone(await begun(id, 'first'), 0, problem, true)
  await queue.takeDue('first', 1)
  expect(await begun(id, 'first')).toMatchObject({ attempt: 2, tries: 1 })
})

test('cancelling ends a job wherever it is, and the attempt under way loses it', async () => {
  const { queue, redis } = await openQueue(server.url)
  const id = await queue.submit(one('a'), 1000)
  await taken('first')
  const attempt = await begun(id, 'first')
  expect(await queue.cancel(id)).toBe('cancelled')
  expect(await queue.renew('first', [attempt])).toEqual([`${id}:1`])
  expect(await queue.complete(attempt, '', '""', noTokens)).toBe(false)
  expect(await redis.xlen(queueKeys.queue)).toBe(0)
  expect(await queue.begin(id, 'first', 'anonymous', '')).toEqual({ type: 'over' })
})

test('a job older than its age limit is not run', async () => {
  const { queue, redis } = await openQueue(server.url)
  const id = (await redis.xadd(queueKeys.queue, '1000-0', 'prompt', 'p')) ?? ''
  await taken('first')
  expect(await queue.begin(id, 'first', 'anonymous', '')).toMatchObject({ type: 'expired' })
})

test('results expire, the queue never does', async () => {
  const { queue, redis } = await openQueue(server.url, { resultTtlMs: 60_000 })
  const id = await queue.submit(one('a'), 1000)
  expect(await redis.pttl(`glm:job:${id}`)).toBe(-1)
  await taken('first')
  await queue.complete(await begun(id, 'first'), '', '""', noTokens)
  expect(await redis.pttl(`glm:job:${id}`)).toBeGreaterThan(0)
})

test('a batch counts the ends of its jobs', async () => {
  const { queue } = await openQueue(server.url)
  const jobs = [1, 2, 3].map((line) => ({ request: `{"line":${line}}`, webhook: null, maxTotalTokens: null }))
  expect(await queue.submit({ ...one('b'), batch: 'batch_1', jobs }, 1000)).toBe('batch_1')
  const ids = await queue.batchJobs('batch_1', 0, 10)
  await taken('first')
  await queue.complete(await begun(ids[0] ?? '', 'first'), '', '""', noTokens)
  await queue.bury(await begun(ids[1] ?? '', 'first'), problem)
  await queue.cancel(ids[2] ?? '')
  expect(await queue.readBatch('batch_1')).toMatchObject({
    total: '3',
    open: '0',
    done: '1',
    dead: '1',
    cancelled: '1',
  })
})

test('withdrawing takes back what a lost answer had accepted, and frees its token', async () => {
  const { queue, redis } = await openQueue(server.url)
  const id = await queue.submit(one('a'), 1000)
  await queue.withdraw('a')
  expect(await queue.read(id)).toMatchObject({ status: 'cancelled' })
  expect(await redis.xlen(queueKeys.queue)).toBe(0)
  expect(await queue.submit(one('a'), 1000)).not.toBe(id)
})
