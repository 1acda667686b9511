import { readFileSync } from 'node:fs'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningServer } from '../../backend/start-server.ts'
import { dataUri, samplePath, samplePictures } from '../support/pictures.ts'
import { startTestServer } from '../support/start-test-server.ts'

const KEY = 'a-key-for-this-test'
const model = 'glm4v-tiny'
let running: RunningServer
let client: OpenAI

beforeAll(async () => {
  running = await startTestServer(['--api-key', KEY])
  client = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: KEY, maxRetries: 0 })
})
afterAll(() => running.close())

const imagePart = (name: string) => ({
  type: 'image_url' as const,
  image_url: { url: dataUri(readFileSync(samplePath(name))), detail: 'auto' as const },
})

const ask = (name: string, prompt: string) => ({
  model,
  temperature: 0,
  messages: [{ role: 'user' as const, content: [imagePart(name), { type: 'text' as const, text: prompt }] }],
})

describe.each(samplePictures)('$image: $prompt', ({ image, prompt, answer }) => {
  test('is answered word for word', async () => {
    const completion = await client.chat.completions.create(ask(image, prompt))
    expect(completion.choices).toEqual([
      {
        index: 0,
        message: { role: 'assistant', content: answer, refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ])
    const { usage } = completion
    expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0))
  })

  test('is answered word for word as a stream', async () => {
    const stream = client.chat.completions.stream({
      ...ask(image, prompt),
      stream_options: { include_usage: true },
    })
    const { choices, usage } = await stream.finalChatCompletion()
    expect([choices[0]?.message.content, choices[0]?.finish_reason]).toEqual([answer, 'stop'])
    const whole = await client.chat.completions.create(ask(image, prompt))
    expect(usage).toMatchObject({
      prompt_tokens: whole.usage?.prompt_tokens,
      completion_tokens: whole.usage?.completion_tokens,
    })
  })
})

test('text alone is answered, and instructions are read', async () => {
  const { choices, usage } = await client.chat.completions.create({
    model,
    messages: [
      { role: 'developer', content: 'Answer in one word.' },
      { role: 'user', content: 'Hello' },
    ],
    max_completion_tokens: 4,
  })
  expect(choices[0]?.finish_reason).toMatch(/stop|length/)
  expect(usage?.prompt_tokens).toBeGreaterThan(5)
})

test('several pictures in several turns stand where they were put', async () => {
  const conversation = (pictures: readonly string[]) =>
    client.chat.completions.create({
      model,
      temperature: 0,
      max_tokens: 8,
      logprobs: true,
      messages: [
        { role: 'user', content: [imagePart(pictures[0] ?? ''), { type: 'text', text: '列出所有金额' }] },
        { role: 'assistant', content: '好' },
        { role: 'user', content: [{ type: 'text', text: 'How much is it?' }, imagePart(pictures[1] ?? '')] },
      ],
    })
  const one = await client.chat.completions.create({ ...ask('number.png', 'x'), max_tokens: 1 })
  const two = await conversation(['receipt.png', 'price-tag.png'])
  const swapped = await conversation(['price-tag.png', 'receipt.png'])
  expect(two.usage?.prompt_tokens).toBe(swapped.usage?.prompt_tokens)
  expect(two.usage?.prompt_tokens).toBeGreaterThan(one.usage?.prompt_tokens ?? 0)
  const [first = Number.NaN, other = Number.NaN] = [two, swapped].map(
    ({ choices }) => choices[0]?.logprobs?.content?.[0]?.logprob,
  )
  expect(Math.abs(first - other)).toBeGreaterThan(0.001) // more than rounding makes of the same pictures
})

test('every chunk of a stream says what it should', async () => {
  const stream = await client.chat.completions.create({
    ...ask('receipt.png', '列出所有金额'),
    stream: true,
    stream_options: { include_usage: true },
  })
  const chunks: OpenAI.Chat.ChatCompletionChunk[] = []
  for await (const chunk of stream) chunks.push(chunk)
  const last = chunks.pop()
  expect(last).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } })
  expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' })
  expect(chunks.every(({ usage }) => usage === null)).toBe(true)
  expect(new Set(chunks.map(({ id, object }) => `${id} ${object}`)).size).toBe(1)
  expect(chunks.map(({ choices }) => choices[0]?.finish_reason)).toEqual([
    ...Array(chunks.length - 1).fill(null),
    'stop',
  ])
})

test('a stop string ends the answer before it', async () => {
  const whole = await client.chat.completions.create(ask('receipt.png', '列出所有金额'))
  const text = whole.choices[0]?.message.content ?? ''
  const stop = text.slice(6, 8)
  const { choices } = await client.chat.completions.create({ ...ask('receipt.png', '列出所有金额'), stop })
  expect(choices[0]).toMatchObject({
    finish_reason: 'stop',
    message: { content: text.slice(0, text.indexOf(stop)).trim() },
  })
})

test('logprobs tell how sure the model was', async () => {
  const { choices } = await client.chat.completions.create({
    ...ask('number.png', '图中的数字是多少?'),
    logprobs: true,
    top_logprobs: 3,
  })
  const entries = choices[0]?.logprobs?.content ?? []
  expect(
    entries
      .map(({ token }) => token)
      .join('')
      .trim(),
  ).toBe(choices[0]?.message.content)
  for (const { token, logprob, top_logprobs } of entries) {
    expect(logprob).toBeLessThanOrEqual(0)
    expect(top_logprobs).toHaveLength(3)
    expect(top_logprobs[0]).toMatchObject({ token, logprob }) // greedy: the likeliest was taken
  }
})

test('the same seed gives the same answer, and several answers each their own', async () => {
  const warm = { ...ask('receipt.png', 'x'), temperature: 1.2, seed: 7, max_tokens: 12 }
  const [first, second, both] = await Promise.all([
    client.chat.completions.create(warm),
    client.chat.completions.create(warm),
    client.chat.completions.create({ ...warm, n: 2 }),
  ])
  const content = ({ choices }: typeof first) => choices.map(({ message }) => message.content)
  expect(content(second)).toEqual(content(first))
  expect(content(both)[0]).toBe(content(first)[0])
})

test('penalties and the fields SDKs send at their defaults are taken', async () => {
  const { choices } = await client.chat.completions.create({
    ...ask('receipt.png', '列出所有金额'),
    presence_penalty: 0.5,
    frequency_penalty: 2,
    max_tokens: 8,
    user: 'customer-17',
    store: false,
    metadata: null,
    logit_bias: null,
    service_tier: 'auto',
    modalities: ['text'],
    parallel_tool_calls: true,
    response_format: { type: 'text' },
  })
  expect(choices).toHaveLength(1)
})

test('the model is listed and read by its name', async () => {
  const { data } = await client.models.list()
  expect(data).toMatchObject([{ id: model, object: 'model', owned_by: expect.any(String) }])
  expect(await client.models.retrieve(model)).toEqual(data[0])
  await expect(client.models.retrieve('zai-org/another')).rejects.toBeInstanceOf(OpenAI.NotFoundError)
})

test('errors are the classes the SDK knows', async () => {
  const wrongKey = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: 'wrong-key-wrong', maxRetries: 0 })
  const hello = { model, messages: [{ role: 'user' as const, content: 'Hello' }] }
  await expect(wrongKey.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
  await expect(client.chat.completions.create({ ...hello, model: 'gpt-5' })).rejects.toBeInstanceOf(
    OpenAI.NotFoundError,
  )
  const bad = client.chat.completions.create({ ...hello, temperature: 3 })
  await expect(bad).rejects.toBeInstanceOf(OpenAI.BadRequestError)
  await expect(bad).rejects.toMatchObject({
    status: 400,
    code: 'invalid_request',
    type: 'invalid_request_error',
    param: 'temperature',
    requestID: expect.stringMatching(/^req_/),
  })
})

test('a client that leaves a stream gives its slot back', async () => {
  const endless = {
    ...ask('receipt.png', 'Hello'),
    temperature: 1.5,
    n: 2,
    max_tokens: 1500,
    stream: true as const,
  }
  for await (const chunk of await client.chat.completions.create(endless)) {
    if (chunk.choices[0]?.delta.content !== '') break
  }
  const { engine } = running.server.services()
  await expect.poll(() => engine.stats().running + engine.stats().waiting).toBe(0)
})
