import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { RunJob } from '../../../backend/jobs/job-consumer.ts'
import { isOver, type JobRecord } from '../../../backend/jobs/job-record.ts'
import { queueKeys } from '../../../backend/jobs/queue-keys.ts'
import { RedisServer } from '../../../bench/support/redis-server.ts'
import { ApiError } from '../../../shared/errors.ts'
import { eventually, link, openJobs, openQueue, startConsumer } from './job-setup.ts'

let server: RedisServer
beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.close())
beforeEach(async () => {
  await (await link(server.url)).flushall()
})

const answer = { content: 'text', result: '{"text":true}' }
const add = async (prompt: string) =>
  (await (await link(server.url)).xadd(queueKeys.queue, '*', 'prompt', prompt)) ?? ''

async function ended(id: string): Promise<JobRecord> {
  const { queue } = await openQueue(server.url)
  return eventually(async () => {
    const record = await queue.read(id)
    return record !== null && isOver(record.status) ? record : null
  })
}

test('a job that was added with a bare XADD is run, before or after the first backend came', async () => {
  const early = await add('early')
  await startConsumer(server.url, { run: async ({ fields }) => ({ ...answer, content: fields.join('=') }) })
  const late = await add('late')
  expect(await ended(early)).toMatchObject({ status: 'done', attempts: 1, result: answer.result })
  expect(await ended(late)).toMatchObject({ status: 'done' })
  const redis = await link(server.url)
  expect(await redis.hget(`glm:job:${late}`, 'content')).toBe('prompt=late')
  const results = (await redis.xrange(queueKeys.results, '-', '+')).map(([, fields]) => fields.join(' '))
  expect(results).toEqual([
    `job ${early} status done attempt 1 content prompt=early result ${answer.result}`,
    `job ${late} status done attempt 1 content prompt=late result ${answer.result}`,
  ])
})

test('a failed attempt is tried again; a job that always fails dies after its tries and others pass it by', async () => {
  const run: RunJob = async ({ fields }) => {
    if (fields[1] === 'poison') throw new Error('boom')
    return answer
  }
  const poison = await add('poison')
  const others = await Promise.all(Array.from({ length: 20 }, (_, index) => add(`job ${index}`)))
  await startConsumer(server.url, { run, maxTries: 2 })
  for (const id of others) expect(await ended(id)).toMatchObject({ status: 'done' })
  const dead = await ended(poison)
  expect(dead).toMatchObject({ status: 'dead', attempts: 2 })
  expect(dead.error).toContain('internal error')
  expect(dead.error).not.toContain('boom')
})

test("a caller's mistake is not tried again", async () => {
  await startConsumer(server.url, {
    run: async () => {
      throw new ApiError('invalid_image', 'not a picture', { param: 'image' })
    },
  })
  expect(await ended(await add('bad'))).toMatchObject({
    status: 'dead',
    attempts: 1,
    error: expect.stringContaining('"param":"image"'),
  })
})

test('a job whose backend died is run by another, and its late answer is refused', async () => {
  const stuck = Promise.withResolvers<typeof answer>()
  const begun = Promise.withResolvers<void>()
  // An old backend that hangs: it took the job, renews nothing, and answers when nobody waits any more.
  const first = await startConsumer(server.url, {
    leaseMs: 3_600_000,
    run: () => {
      begun.resolve()
      return stuck.promise
    },
  })
  const id = await add('long')
  await begun.promise
  first.stop()
  const second = await startConsumer(server.url, {
    leaseMs: 200,
    run: async () => ({ ...answer, content: 'second' }),
  })
  expect(await ended(id)).toMatchObject({ status: 'done', attempts: 2 })
  stuck.resolve({ ...answer, content: 'first' })
  await first.close()
  await second.close()
  const redis = await link(server.url)
  expect(await redis.hget(`glm:job:${id}`, 'content')).toBe('second')
  expect(await redis.xlen(queueKeys.results)).toBe(1)
})

test('a job longer than its lease runs once, since its backend says that it lives', async () => {
  let runs = 0
  const run: RunJob = async () => {
    runs += 1
    await new Promise((resolve) => setTimeout(resolve, 900))
    return answer
  }
  await startConsumer(server.url, { leaseMs: 250, run })
  await startConsumer(server.url, { leaseMs: 250, run })
  expect(await ended(await add('slow'))).toMatchObject({ status: 'done', attempts: 1 })
  expect(runs).toBe(1)
})

test('cancelling stops the run under way', async () => {
  const begun = Promise.withResolvers<void>()
  const stopped = Promise.withResolvers<void>()
  await startConsumer(server.url, {
    leaseMs: 200,
    run: (_entry, { signal }) =>
      new Promise((_, reject) => {
        begun.resolve()
        signal.addEventListener('abort', () => {
          stopped.resolve()
          reject(signal.reason)
        })
      }),
  })
  const id = await add('long')
  await begun.promise
  const { queue } = await openQueue(server.url)
  await queue.cancel(id)
  await stopped.promise
  expect(await ended(id)).toMatchObject({ status: 'cancelled' })
})

test('a backend without room gives its job away without using up a try', async () => {
  let refusals = 0
  await startConsumer(server.url, {
    maxTries: 1,
    run: async () => {
      if (refusals++ < 2) throw new ApiError('queue_full', 'no room', { retryAfterS: 1 })
      return answer
    },
  })
  expect(await ended(await add('patient'))).toMatchObject({ status: 'done', attempts: 3 })
})

test('no more jobs are taken than there is room for', async () => {
  let running = 0
  let most = 0
  const full = Promise.withResolvers<void>()
  const run: RunJob = async () => {
    running += 1
    most = Math.max(most, running)
    if (running === 4) full.resolve()
    await full.promise
    await new Promise((resolve) => setTimeout(resolve, 5))
    running -= 1
    return answer
  }
  const ids = await Promise.all(Array.from({ length: 40 }, (_, index) => add(`job ${index}`)))
  await startConsumer(server.url, { run })
  for (const id of ids) await ended(id)
  expect(most).toBe(4)
})

test('waiting for a job ends with its end, and gives others nothing of it', async () => {
  const { jobs } = await openJobs(server.url)
  const go = Promise.withResolvers<void>()
  await startConsumer(server.url, { run: () => go.promise.then(() => answer) })
  const id = await jobs.submit(
    { request: '{}', webhook: null, maxTotalTokens: null },
    { callerId: 'me', idempotencyKey: null, edge: null },
  )
  const waiting = Array.from({ length: 5 }, () => jobs.wait(id, 'me', 30_000, new AbortController().signal))
  await expect(jobs.read(id, 'you')).rejects.toMatchObject({ code: 'not_found' })
  go.resolve()
  for (const record of await Promise.all(waiting)) expect(record).toMatchObject({ status: 'done' })
})
