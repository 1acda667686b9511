import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { EngineStats } from '../../backend/engine/stats.ts'
import type { RunningServer } from '../../backend/start-server.ts'
import { endlessAnswer } from '../support/endless-answer.ts'
import { dataUri, samplePath } from '../support/pictures.ts'
import { askProgram } from '../support/program.ts'
import { startTestServer } from '../support/start-test-server.ts'

let server: RunningServer
afterEach(() => server.close())

const stats = () => server.server.services().engine.stats()

/** Looks between all events; the test's own time limit bounds it. */
async function until(seen: (now: EngineStats) => boolean): Promise<void> {
  while (!seen(stats())) await new Promise(setImmediate)
}

const nothingRuns = (now: EngineStats) => now.running === 0 && now.waiting === 0 && now.stepAgeMs === null

/** Asks, leaves as soon as `seen`, and waits until the engine has let go. */
async function leaveWhen(
  seen: (now: EngineStats) => boolean,
  change: Record<string, unknown>,
): Promise<void> {
  const client = new AbortController()
  const answer = askProgram(server.url, { ...change }, client.signal).then((response) => response.text())
  const left = expect(answer).rejects.toThrow('aborted')
  await until(seen)
  client.abort()
  await left
  await until(nothingRuns)
}

/** By what the engine has done since the request came. */
const stages = {
  'receipt.png': (now, before) => now.running === 1 && now.counters.encodeSteps === before.encodeSteps,
  'number.png': (now, before) => now.stepAgeMs !== null && now.counters.encodeSteps === before.encodeSteps,
  'price-tag.png': (now, before) =>
    now.counters.encodeSteps > before.encodeSteps && now.counters.generatedTokens === before.generatedTokens,
  'price-tag-large.png': (now, before) => now.counters.generatedTokens > before.generatedTokens,
} as const satisfies Record<string, (now: EngineStats, before: EngineStats['counters']) => boolean>

test('a client that leaves while its picture is decoded, encoded or read, or its answer written, frees its slot', async () => {
  server = await startTestServer(['--max-batch-size', '2'])
  const long = { prompt: 'Hello', ...endlessAnswer(1500), stream: true }
  for (const [picture, isThere] of Object.entries(stages)) {
    const before = stats().counters
    const image = dataUri(readFileSync(samplePath(picture)))
    await leaveWhen((now) => isThere(now, before), { ...long, image })
    expect(stats()).toMatchObject({ freeSlots: 2, counters: { cancelled: before.cancelled + 1 } })
  }
  expect((await askProgram(server.url, { max_new_tokens: 2 })).status).toBe(200)
})

test('a client that leaves the queue is never run', async () => {
  server = await startTestServer(['--max-batch-size', '1'])
  const running = new AbortController()
  const long = { prompt: 'Hello', ...endlessAnswer(1500) }
  const first = expect(askProgram(server.url, long, running.signal)).rejects.toThrow('aborted')
  await until((now) => now.counters.generatedTokens > 0)
  const { promptTokens } = stats().counters
  const waiting = new AbortController()
  const second = expect(askProgram(server.url, long, waiting.signal)).rejects.toThrow('aborted')
  await until((now) => now.waiting === 1)
  waiting.abort()
  await second
  await until((now) => now.waiting === 0)
  running.abort()
  await first
  await until(nothingRuns)
  expect(stats().counters).toMatchObject({ cancelled: 2, promptTokens })
})

test("a client that leaves ends the fetching of its picture's URL", async () => {
  const asked = Promise.withResolvers<void>()
  const hungUp = Promise.withResolvers<void>()
  const site = createServer((request) => {
    request.socket.once('close', () => hungUp.resolve())
    asked.resolve()
  }).listen(0, '127.0.0.1')
  await once(site, 'listening')
  const host = `127.0.0.1:${(site.address() as AddressInfo).port}`
  server = await startTestServer(['--allow-image-host', host])
  const client = new AbortController()
  const answer = askProgram(server.url, { image: `http://${host}/slow.png` }, client.signal)
  const left = expect(answer).rejects.toThrow('aborted')
  await asked.promise
  client.abort()
  await left
  await hungUp.promise
  expect(stats().counters.submitted).toBe(0)
  site.close()
})
