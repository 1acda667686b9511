import { expect, test } from 'vitest'
import { BackendPool } from '../../../edge/forward/backend-pool.ts'
import { type Backend, forward, probeEjected } from '../../../edge/forward/forward.ts'

const alive = () =>
  Response.json({ ok: true }, { headers: { 'x-glm-queue-depth': '0', 'x-glm-free-slots': '4' } })
const full = (waitS: number) => new Response('{}', { status: 503, headers: { 'retry-after': String(waitS) } })

/** Backends that answer so, and how often each was asked. */
function backends(answers: Record<string, () => Response>) {
  const asked = new Map<string, number>()
  const list: Backend[] = Object.entries(answers).map(([name, answer]) => ({
    name,
    async fetch() {
      asked.set(name, (asked.get(name) ?? 0) + 1)
      return answer()
    },
  }))
  return { list, asked, pool: new BackendPool(Object.keys(answers), Math.random) }
}

function send({ list, pool }: ReturnType<typeof backends>, nowMs = 0) {
  const signal = new AbortController().signal
  return forward('POST', '/x', {
    pool,
    backends: list,
    now: () => nowMs,
    headers: async () => ({}),
    body: null,
    signal,
  })
}

const dead = () => {
  throw new Error('connection refused')
}

test('a busy or unreachable backend is passed over before a byte was answered', async () => {
  const all = backends({ a: () => full(9), b: dead, c: alive })
  for (let i = 0; i < 30; i++) expect((await send(all)).backend).toBe('c')
})

test('when all are full the shortest wait among them is told', async () => {
  const all = backends({ a: () => full(9), b: () => full(4), c: () => full(7) })
  await expect(send(all)).rejects.toMatchObject({ code: 'queue_full', retryAfterS: 4 })
})

test('when none can be reached that is told, after each was tried once', async () => {
  const all = backends({ a: dead, b: dead })
  await expect(send(all)).rejects.toMatchObject({ code: 'backend_unreachable' })
  expect([...all.asked.values()]).toEqual([1, 1])
})

test('an answer that has begun is never asked for again, whatever its status', async () => {
  const all = backends({
    a: () => new Response('{}', { status: 500 }),
    b: () => new Response('{}', { status: 500 }),
  })
  expect((await send(all)).response.status).toBe(500)
  expect([...all.asked.values()].reduce((sum, count) => sum + count, 0)).toBe(1)
})

test('a backend that fails in a row is left out until its probe succeeds', async () => {
  let broken = true
  const all = backends({ a: () => (broken ? dead() : alive()), b: alive })
  for (let i = 0; i < 60; i++) await send(all)
  expect(all.asked.get('a')).toBe(3)
  expect(all.pool.status()).toContainEqual({ name: 'a', inUse: false })
  const probes: Promise<unknown>[] = []
  probeEjected(all.pool, all.list, 500, (promise) => probes.push(promise))
  expect(probes).toEqual([])
  broken = false
  probeEjected(all.pool, all.list, 10_000, (promise) => probes.push(promise))
  await Promise.all(probes)
  expect(all.pool.status()).toContainEqual({ name: 'a', inUse: true })
})

test('the less loaded of two is picked', () => {
  const pool = new BackendPool(['a', 'b'], Math.random)
  pool.answered('a', { queueDepth: 5, freeSlots: 0 })
  pool.answered('b', { queueDepth: 0, freeSlots: 2 })
  for (let i = 0; i < 20; i++) expect(pool.pick(new Set())).toBe('b')
  for (let i = 0; i < 8; i++) pool.started('b')
  for (let i = 0; i < 20; i++) expect(pool.pick(new Set())).toBe('a')
})
