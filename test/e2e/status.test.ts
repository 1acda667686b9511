import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { statusSchema } from '../../backend/routes/status.ts'
import type { RunningServer } from '../../backend/start-server.ts'
import { multimodalChunk } from '../../shared/completion-schema.ts'
import { dataUri, samplePath } from '../support/pictures.ts'
import { startTestServer } from '../support/start-test-server.ts'

let running: RunningServer
beforeAll(async () => {
  running = await startTestServer(['--max-images', '3', '--max-batch-size', '2'])
})
afterAll(() => running.close())

const ask = (stream: boolean) =>
  fetch(`${running.url}/v1/multimodal/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      image: dataUri(readFileSync(samplePath('number.png'))),
      prompt: 'What is the number?',
      temperature: 0,
      stream,
    }),
  })

const stages = ['fetch', 'queue', 'image', 'vision', 'prefill', 'decode']

test('a whole answer tells where its time went in Server-Timing', async () => {
  const response = await ask(false)
  await response.arrayBuffer()
  const header = response.headers.get('server-timing') ?? ''
  const told = [...header.matchAll(/(\w+);dur=(\d+(?:\.\d+)?)/g)]
  expect(told.map(([, stage]) => stage)).toEqual(stages)
  expect(told.reduce((sum, [, , ms]) => sum + Number(ms), 0)).toBeGreaterThan(0)
})

test("a stream's last event tells the same stages", async () => {
  const lines = (await (await ask(true)).text()).split('\n').filter((line) => line.startsWith('data: {'))
  const chunks = lines.map((line) => multimodalChunk.parse(JSON.parse(line.slice('data: '.length))))
  expect(chunks.slice(0, -1).every(({ timings }) => timings === undefined)).toBe(true)
  expect(Object.keys(chunks.at(-1)?.timings ?? {})).toEqual([
    'ttft_ms',
    ...stages.map((stage) => `${stage}_ms`),
  ])
})

test('the status tells the load and the limits, and its totals only grow', async () => {
  const status = async () => statusSchema.parse(await (await fetch(`${running.url}/v1/status`)).json())
  const before = await status()
  expect(before).toMatchObject({
    model: 'glm4v-tiny',
    device: 'cpu',
    slots: 2,
    running: 0,
    waiting: 0,
    limits: { images: 3, image_bytes: 10 * 1024 * 1024, context_length: 2048 },
  })
  await (await ask(false)).arrayBuffer()
  const after = await status()
  expect(after.generated_tokens).toBeGreaterThan(before.generated_tokens)
  expect(after.busy_ms).toBeGreaterThan(before.busy_ms)
})
