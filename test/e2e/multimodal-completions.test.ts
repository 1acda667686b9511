import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningServer } from '../../backend/start-server.ts'
import { multimodalChunk, multimodalResponse } from '../../shared/completion-schema.ts'
import { endlessAnswer } from '../support/endless-answer.ts'
import { dataUri, samplePath, samplePictures } from '../support/pictures.ts'
import { startTestServer } from '../support/start-test-server.ts'

const run = promisify(execFile)
const files = createServer((request, response) => {
  response.setHeader('content-type', 'image/png').end(readFileSync(samplePath(request.url?.slice(1) ?? '')))
})

let running: RunningServer
let endpoint: string
let fileHost: string

beforeAll(async () => {
  await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve))
  fileHost = `127.0.0.1:${(files.address() as AddressInfo).port}`
  running = await startTestServer(['--allow-image-host', fileHost])
  endpoint = `${running.url}/v1/multimodal/completions`
})

afterAll(async () => {
  await running.close()
  files.close()
})

const post = (body: unknown, headers: Record<string, string> = {}) =>
  fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

const content = (answer: unknown) => multimodalResponse.parse(answer).choices[0]?.message.content

describe.each(samplePictures)('$image: $prompt', ({ image, prompt, answer }) => {
  const picture = () => dataUri(readFileSync(samplePath(image)))

  test('is answered word for word through curl with JSON', async () => {
    const body = JSON.stringify({ image: picture(), prompt, temperature: 0 })
    const { stdout } = await run('curl', [
      '-sS',
      '-H',
      'content-type: application/json',
      '-d',
      body,
      endpoint,
    ])
    expect(content(JSON.parse(stdout))).toBe(answer)
  })

  test('is answered word for word through curl with a form', async () => {
    const form = ['-F', `image=@${samplePath(image)}`, '-F', `prompt=${prompt}`, '-F', 'temperature=0']
    const { stdout } = await run('curl', ['-sS', ...form, endpoint])
    expect(content(JSON.parse(stdout))).toBe(answer)
  })

  test('is answered word for word from a URL the operator allows', async () => {
    const response = await post({ image: `http://${fileHost}/${image}`, prompt, temperature: 0 })
    expect(response.status).toBe(200)
    expect(content(await response.json())).toBe(answer)
  })

  test('is answered word for word as a stream, with the usage at its end', async () => {
    const response = await post({ image: picture(), prompt, temperature: 0, stream: true })
    expect(response.headers.get('content-type')).toMatch('text/event-stream')
    const events = (await response.text()).split('\n\n').filter((event) => event.startsWith('data: '))
    expect(events.pop()).toBe('data: [DONE]')
    const chunks = events.map((event) => multimodalChunk.parse(JSON.parse(event.slice('data: '.length))))
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(answer)
    const last = chunks.at(-1)
    expect(last?.choices[0]?.finish_reason).toBe('stop')
    expect(last?.usage?.total_tokens).toBe(
      (last?.usage?.prompt_tokens ?? 0) + (last?.usage?.completion_tokens ?? 0),
    )
  })
})

test('the same request at temperature 1 with the same seed gives the same answer', async () => {
  const body = {
    image: dataUri(readFileSync(samplePath('receipt.png'))),
    prompt: 'x',
    temperature: 1,
    seed: 7,
  }
  const [first, second] = await Promise.all([post(body), post(body)])
  expect(content(await first?.json())).toBe(content(await second?.json()))
})

test('max_new_tokens cuts the answer and says so', async () => {
  const response = await post({
    image: dataUri(readFileSync(samplePath('receipt.png'))),
    prompt: '列出所有金额',
    temperature: 0,
    max_new_tokens: 3,
  })
  const answer = multimodalResponse.parse(await response.json())
  expect(answer.choices[0]?.finish_reason).toBe('length')
  expect(answer.usage.completion_tokens).toBe(3)
})

test('a client that leaves gives its slot back', async () => {
  const leave = new AbortController()
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      image: dataUri(readFileSync(samplePath('receipt.png'))),
      prompt: 'Hello',
      stream: true,
      ...endlessAnswer(1500),
    }),
    signal: leave.signal,
  })
  const reader = response.body?.getReader()
  await reader?.read()
  leave.abort()
  const engine = running.server.services().engine
  await expect.poll(() => engine.stats().running + engine.stats().waiting).toBe(0)
})
