import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { queueKeys } from '../../../backend/jobs/queue-keys.ts'
import { ScriptRunner } from '../../../backend/jobs/script-runner.ts'
import { SettlementCourier } from '../../../backend/jobs/settlement-courier.ts'
import { SettlementQueue } from '../../../backend/jobs/settlement-queue.ts'
import { RedisServer } from '../../../bench/support/redis-server.ts'
import { ApiError } from '../../../shared/errors.ts'
import type { SettlementRequest } from '../../../shared/settlement.ts'
import { atEnd, eventually, link, openQueue, startConsumer } from './job-setup.ts'

let server: RedisServer
beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.close())
beforeEach(async () => {
  await (await link(server.url)).flushall()
})

const submission = (token: string, reservation: string, lines = 1) => ({
  token,
  digest: '',
  caller: 'tenant:t',
  batch: lines === 1 ? null : `batch_${token}`,
  reservation: `key000000000/${reservation}`,
  jobs: Array.from({ length: lines }, () => ({ request: '{}', webhook: null, maxTotalTokens: 100 })),
})
const used = { promptTokens: 7, completionTokens: 3 }
const problem = new ApiError('internal_error', 'internal error').body()

async function open() {
  const { queue, redis } = await openQueue(server.url)
  return { queue, redis, settlements: new SettlementQueue(new ScriptRunner(redis)) }
}

async function begin(id: string) {
  const { queue, redis } = await openQueue(server.url)
  await redis.xreadgroup('GROUP', 'glm', 'first', 'COUNT', 10, 'STREAMS', queueKeys.queue, '>')
  const attempt = await queue.begin(id, 'first', 'anonymous', '')
  if (attempt.type !== 'run') throw new Error(`the attempt is ${attempt.type}`)
  return attempt
}

/** An edge that knows what it is told; `down` times it does not answer. */
function listeningEdge(down = 0) {
  const told: SettlementRequest[] = []
  let tries = 0
  return {
    told,
    tries: () => tries,
    async send(request: SettlementRequest) {
      tries += 1
      if (tries <= down) throw new Error('the edge answered 503')
      told.push(request)
      return []
    },
  }
}

const log = { info: () => {}, warn: () => {}, error: () => {} }

function startCourier(queue: SettlementQueue, sender: ReturnType<typeof listeningEdge>) {
  const courier = new SettlementCourier({ queue, sender, random: () => 0.999, log })
  atEnd(() => courier.close())
}

test('every end of a job leaves one settlement: what the answer took, else nothing', async () => {
  const { queue, settlements } = await open()
  const [done = '', dead = '', queued = ''] = await Promise.all(
    ['done', 'dead', 'queued'].map((name) => queue.submit(submission(name, name), 1000)),
  )
  expect(await begin(done)).toMatchObject({ maxTotalTokens: 100 })
  await queue.complete(await begin(done), '', '""', used)
  await queue.bury(await begin(dead), problem)
  await queue.cancel(queued)
  await queue.cancel(queued)
  const due = await settlements.take(10, 1000)
  expect(
    due
      .map(({ reservation, promptTokens, completionTokens }) => [reservation, promptTokens, completionTokens])
      .sort(),
  ).toEqual([
    ['key000000000/dead-0', 0, 0],
    ['key000000000/done-0', 7, 3],
    ['key000000000/queued-0', 0, 0],
  ])
  expect(await settlements.take(10, 1000)).toEqual([])
})

test('a job cancelled while it runs is settled with what it had taken, as soon as its backend says so', async () => {
  const { queue, redis, settlements } = await open()
  const started = Promise.withResolvers<void>()
  await startConsumer(server.url, {
    leaseMs: 500,
    run: (_entry, { signal, onTokens }) => {
      onTokens(used)
      started.resolve()
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    },
  })
  const id = await queue.submit(submission('a', 'a'), 1000)
  await started.promise
  await queue.cancel(id)
  await eventually(async () =>
    (await redis.hget(queueKeys.settling, 'key000000000/a-0'))?.startsWith('7 3') ? true : null,
  )
  expect(await settlements.take(10, 1000)).toMatchObject([{ reservation: 'key000000000/a-0', ...used }])
})

test('what a backend says after the settlement was sent, or of an older attempt, counts nothing', async () => {
  const { queue, redis, settlements } = await open()
  const id = await queue.submit(submission('a', 'a'), 1000)
  const old = await begin(id)
  const current = await begin(id)
  await queue.cancel(id)
  await queue.report(old, used)
  expect(await redis.hget(queueKeys.settling, 'key000000000/a-0')).toMatch(/^0 0 /)
  await redis.zadd(queueKeys.settlements, 0, 'key000000000/a-0')
  await settlements.take(1, 1000)
  await queue.report(current, used)
  expect(await redis.hget(queueKeys.settling, 'key000000000/a-0')).toMatch(/^0 0 /)
})

test('jobs that were there already give back what was reserved for them again; a repeated try does not', async () => {
  const { queue, settlements } = await open()
  const id = await queue.submit(submission('a', 'first', 3), 1000)
  expect(await queue.submit(submission('a', 'first', 3), 1000)).toBe(id)
  expect(await settlements.take(10, 1000)).toEqual([])
  expect(await queue.submit(submission('a', 'second', 3), 1000)).toBe(id)
  const due = await settlements.take(10, 1000)
  expect(due.map(({ reservation }) => reservation).sort()).toEqual(
    [0, 1, 2].map((line) => `key000000000/second-${line}`),
  )
})

test('the edge is told until it answers, and then no more', async () => {
  const { queue, redis, settlements } = await open()
  await queue.cancel(await queue.submit(submission('a', 'a'), 1000))
  const edge = listeningEdge(2)
  startCourier(settlements, edge)
  await eventually(async () => ((await redis.hlen(queueKeys.settling)) === 0 ? true : null))
  expect(edge.tries()).toBe(3)
  expect(edge.told).toEqual([
    { key: 'key000000000', settlements: [{ reservation: 'a-0', prompt_tokens: 0, completion_tokens: 0 }] },
  ])
  expect(await redis.zcard(queueKeys.settlements)).toBe(0)
})

test('a settlement the edge has not taken within a week is given up', async () => {
  const { queue, redis, settlements } = await open()
  await queue.cancel(await queue.submit(submission('a', 'a'), 1000))
  const weekAgoMs = Date.now() - 8 * 24 * 3_600_000
  await redis.hset(queueKeys.settling, 'key000000000/a-0', `0 0 ${weekAgoMs} 0`)
  const edge = listeningEdge(1)
  startCourier(settlements, edge)
  await eventually(async () => ((await redis.hlen(queueKeys.settling)) === 0 ? true : null))
  expect(edge.told).toEqual([])
})
