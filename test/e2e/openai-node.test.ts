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
