import { afterEach, expect, test } from 'vitest'
import type { RunningServer } from '../../backend/start-server.ts'
import { endlessAnswer } from '../support/endless-answer.ts'
import { askProgram } from '../support/program.ts'
import { startTestServer } from '../support/start-test-server.ts'

let server: RunningServer
afterEach(() => server.close())

const as = (key: string) => ({ authorization: `Bearer ${key}` })
const short = { prompt: 'Hello', max_new_tokens: 6 }

test('a caller with one request does not wait for another caller’s twenty', async () => {
  const [many, one] = ['key-of-the-busy', 'key-of-the-calm']
  server = await startTestServer(['--max-batch-size', '1', '--api-key', many, '--api-key', one])
  const { engine } = server.server.services()
  const ended: string[] = []
  const ask = async (key: string) => {
    const response = await askProgram(server.url, short, null, as(key))
    expect(response.status).toBe(200)
    await response.text()
    ended.push(key)
  }
  const busy = Array.from({ length: 20 }, () => ask(many))
  while (engine.stats().waiting < 10) await new Promise(setImmediate)
  const before = engine.stats().counters.stopped + engine.stats().counters.filled
  await ask(one)
  expect(ended.indexOf(one) - before).toBeLessThan(5)
  await Promise.all(busy)
  expect(ended).toHaveLength(21)
})

test('a caller may not fill the whole queue when there are others', async () => {
  const keys = ['key-of-the-busy', 'key-of-the-calm']
  server = await startTestServer([
    ...['--max-batch-size', '1', '--max-queue', '8'],
    ...keys.flatMap((key) => ['--api-key', key]),
  ])
  const responses = await Promise.all(
    Array.from({ length: 20 }, () => askProgram(server.url, short, null, as('key-of-the-busy'))),
  )
  const refused = responses.filter(({ status }) => status === 429)
  expect(refused.length).toBeGreaterThan(5)
  for (const { headers } of refused) expect(headers.get('retry-after')).toMatch(/^[1-9]/)
  expect(server.server.services().engine.stats().refusals.rate_limit_exceeded).toBeGreaterThan(5)
})

test('a deadline of the request’s own ends it in time, wherever it is', async () => {
  server = await startTestServer(['--max-batch-size', '1'])
  const long = { prompt: 'Hello', ...endlessAnswer(1500) }
  const late = await askProgram(server.url, long, null, { 'x-request-timeout-ms': '60' })
  expect([late.status, await late.json()]).toMatchObject([504, { error: { code: 'deadline_exceeded' } }])
  expect((await askProgram(server.url, short)).status).toBe(200)
})
