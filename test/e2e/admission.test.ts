import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EngineStats } from '../../backend/engine/stats.ts'
import type { RunningServer } from '../../backend/start-server.ts'
import { endlessAnswer } from '../support/endless-answer.ts'
import { samplePath } from '../support/pictures.ts'
import { askProgram } from '../support/program.ts'
import { startTestServer } from '../support/start-test-server.ts'

const header = readFileSync(samplePath('receipt.png')).subarray(0, 64)

let server: RunningServer
let site: Server
let host: string
let image: string
let fetched: number
let left: PromiseWithResolvers<void>
beforeEach(async () => {
  fetched = 0
  left = Promise.withResolvers()
  site = createServer((_, response) => {
    fetched++
    response.write(header) // and never ends
    response.once('close', () => left.resolve())
  }).listen(0, '127.0.0.1')
  await once(site, 'listening')
  host = `127.0.0.1:${(site.address() as AddressInfo).port}`
  image = `http://${host}/picture.png`
})
afterEach(async () => {
  site.close()
  await server.close()
})

const start = async (...flags: string[]) => {
  server = await startTestServer(['--max-batch-size', '1', '--allow-image-host', host, ...flags])
}

async function until(seen: (now: EngineStats) => boolean): Promise<void> {
  while (!seen(server.server.services().engine.stats())) await new Promise(setImmediate)
}

test('a text too long for the model is refused before its picture is fetched', async () => {
  await start()
  const response = await askProgram(server.url, { image, prompt: '金'.repeat(4000) })
  expect([response.status, await response.json()]).toMatchObject([
    400,
    { error: { code: 'context_length_exceeded' } },
  ])
  expect(fetched).toBe(0)
})

test('pictures that take more tokens than there is room for are left at their headers', async () => {
  await start('--max-image-tokens', '1')
  const response = await askProgram(server.url, { image })
  expect([response.status, await response.json()]).toMatchObject([
    400,
    { error: { code: 'context_length_exceeded', param: 'image' } },
  ])
  await left.promise
})

test('a full queue refuses before a picture is fetched, and says when to come back', async () => {
  await start('--max-queue', '1')
  const clients = new AbortController()
  const long = { prompt: 'Hello', ...endlessAnswer(1500) }
  const ask = () => expect(askProgram(server.url, long, clients.signal)).rejects.toThrow('aborted')
  const running = ask()
  await until((now) => now.running === 1)
  const waiting = ask()
  await until((now) => now.waiting === 1)
  const response = await askProgram(server.url, { image })
  expect([response.status, await response.json()]).toMatchObject([503, { error: { code: 'queue_full' } }])
  expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  expect(fetched).toBe(0)
  clients.abort()
  await Promise.all([running, waiting])
})
