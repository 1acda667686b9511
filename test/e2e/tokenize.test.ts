import { readFileSync } from 'node:fs'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { RunningServer } from '../../backend/start-server.ts'
import { chatResponse } from '../../shared/chat-response.ts'
import { tokenizeResponse } from '../../shared/tokenize-schema.ts'
import { dataUri, samplePath } from '../support/pictures.ts'
import { Random, testSeed } from '../support/random.ts'
import { startScriptedServer } from '../support/scripted-server.ts'
import { startTestServer } from '../support/start-test-server.ts'

const CONTEXT = 2048
let running: RunningServer
beforeAll(async () => {
  running = await startTestServer(['--max-context-length', String(CONTEXT)])
})
afterAll(() => running.close())

const post = (path: string, body: unknown) =>
  fetch(running.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
const count = async (body: unknown) => {
  const response = await post('/v1/tokenize', body)
  expect(response.status).toBe(200)
  return tokenizeResponse.parse(await response.json())
}
const picture = (name: string) => dataUri(readFileSync(samplePath(name)))
const text = (words: string) => ({ type: 'text', text: words })
const image = (name: string) => ({ type: 'image_url', image_url: { url: picture(name) } })

test('the count is what the usage says, whatever the conversation', { timeout: 60_000 }, async () => {
  const seed = testSeed()
  const random = new Random(seed)
  const names = ['receipt.png', 'number.png', 'price-tag.png']
  const words = ['金额', 'How much is it?', '<|image|>', ' ', '你好，世界', '🙂']
  for (let round = 0; round < 12; round += 1) {
    const turns = Array.from({ length: 1 + random.below(2) }, () => ({
      role: 'user',
      content: Array.from({ length: 1 + random.below(3) }, () =>
        random.chance(0.5) ? image(random.pick(names)) : text(random.pick(words).repeat(1 + random.below(9))),
      ),
    }))
    const body = { messages: [{ role: 'system', content: random.pick(words) }, ...turns], max_tokens: 1 }
    const counted = await count(body)
    const answer = chatResponse.parse(await (await post('/v1/chat/completions', body)).json())
    expect(counted.prompt_tokens, `seed ${seed}`).toBe(answer.usage.prompt_tokens)
    expect(counted.prompt_tokens).toBe(counted.text_tokens + counted.image_tokens)
    expect(counted.image_tokens).toBe(counted.images.reduce((sum, { tokens }) => sum + tokens, 0))
    expect(counted.max_answer_tokens).toBe(CONTEXT - counted.prompt_tokens)
  }
})

test('a prompt and a picture are counted as the multimodal endpoint reads them, as JSON or as a form', async () => {
  const body = { image: picture('receipt.png'), prompt: 'How much?', max_new_tokens: 1 }
  const counted = await count(body)
  const answer = (await (await post('/v1/multimodal/completions', body)).json()) as {
    usage: { prompt_tokens: number }
  }
  expect(counted).toMatchObject({ prompt_tokens: answer.usage.prompt_tokens, fits: true })
  const form = new FormData()
  form.set('image', new Blob([readFileSync(samplePath('receipt.png'))]), 'receipt.png')
  form.set('prompt', body.prompt)
  const response = await fetch(`${running.url}/v1/tokenize`, { method: 'POST', body: form })
  expect((await response.json()) as object).toMatchObject({ prompt_tokens: counted.prompt_tokens })
})

test('a prompt needs no picture', async () => {
  expect(await count({ prompt: 'How much?' })).toMatchObject({ image_tokens: 0, images: [], fits: true })
})

test('what is too long is counted all the same, and refused where it would run', async () => {
  const body = { messages: [{ role: 'user', content: '金'.repeat(CONTEXT) }] }
  const counted = await count(body)
  expect(counted).toMatchObject({ fits: false, max_answer_tokens: 0 })
  expect(counted.prompt_tokens).toBeGreaterThan(CONTEXT)
  const refused = await post('/v1/chat/completions', body)
  expect([refused.status, await refused.json()]).toMatchObject([
    400,
    { error: { code: 'context_length_exceeded', param: 'messages' } },
  ])
})

test('detailed pictures shrink until they fit, in the count as in the run', async () => {
  const wide = sharp({ create: { width: 512, height: 384, channels: 3, background: 'white' } })
  const url = dataUri(await wide.png().toBuffer())
  const many = (n: number) => ({
    messages: [
      { role: 'user', content: Array.from({ length: n }, () => ({ type: 'image_url', image_url: { url } })) },
    ],
    max_tokens: 1,
  })
  const [one, four] = [await count(many(1)), await count(many(4))]
  expect(four.images[0]?.tokens).toBeLessThan(one.images[0]?.tokens ?? 0)
  expect(four.fits).toBe(true)
})

test('a picture is counted from its header alone', async () => {
  const cut = readFileSync(samplePath('receipt.png')).subarray(0, 2000)
  const whole = await count({ prompt: 'x', image: picture('receipt.png') })
  expect(await count({ prompt: 'x', image: dataUri(cut) })).toEqual(whole)
})

test('what is wrong is named as the completion endpoints name it', async () => {
  for (const [body, code, param] of [
    [{}, 'invalid_request', 'prompt'],
    [{ messages: [] }, 'invalid_request', 'messages'],
    [{ prompt: 'x', image: 'data:image/png;base64,AAAA' }, 'invalid_image', 'image'],
    [{ prompt: 'x', frames: 3 }, 'unsupported_parameter', 'frames'],
    [{ prompt: 'x', model: 'another' }, 'model_not_found', 'model'],
  ] as const) {
    const response = await post('/v1/tokenize', body)
    expect(await response.json()).toMatchObject({ error: { code, param } })
  }
})

test('counting works while the queue is full', async () => {
  const scripted = await startScriptedServer(['--max-batch-size', '1', '--max-queue', '1'])
  const send = (path: string) =>
    fetch(scripted.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }] }),
    })
  const gate = Promise.withResolvers<void>()
  scripted.runner.gate = gate.promise
  onTestFinished(() => {
    gate.resolve()
    return scripted.close()
  })
  scripted.runner.says('a', 'b')
  const { engine } = scripted.server.services()
  const load = () => [engine.stats().running, engine.stats().waiting]
  const first = send('/v1/chat/completions')
  await expect.poll(load, { interval: 5 }).toEqual([1, 0])
  const second = send('/v1/chat/completions')
  await expect.poll(load, { interval: 5 }).toEqual([1, 1])
  const [refused, counted] = await Promise.all([send('/v1/chat/completions'), send('/v1/tokenize')])
  expect([refused.status, counted.status]).toEqual([503, 200])
  gate.resolve()
  expect([(await first).status, (await second).status]).toEqual([200, 200])
})
