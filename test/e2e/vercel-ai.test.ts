import { readFileSync } from 'node:fs'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, generateText, Output, stepCountIs, streamText, tool } from 'ai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import type { RunningServer } from '../../backend/start-server.ts'
import { samplePath, samplePictures } from '../support/pictures.ts'
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.ts'
import { startTestServer } from '../support/start-test-server.ts'

let running: RunningServer
let scripted: ScriptedServer
beforeAll(async () => {
  ;[running, scripted] = await Promise.all([startTestServer(), startScriptedServer()])
})
afterAll(() => Promise.all([running.close(), scripted.close()]))

const modelAt = (url: string, name: string) =>
  createOpenAICompatible({
    name: 'glm',
    baseURL: `${url}/v1`,
    includeUsage: true,
    supportsStructuredOutputs: true,
  })(name)
const tiny = () => modelAt(running.url, 'glm4v-tiny')

const ask = (names: readonly string[], text: string) => [
  {
    role: 'user' as const,
    content: [
      ...names.map((name) => ({
        type: 'file' as const,
        mediaType: 'image/png',
        data: readFileSync(samplePath(name)),
      })),
      { type: 'text' as const, text },
    ],
  },
]

const [sample] = samplePictures
const { image, prompt, answer } = sample ?? { image: '', prompt: '', answer: '' }

test('generateText reads a picture', async () => {
  const result = await generateText({ model: tiny(), temperature: 0, messages: ask([image], prompt) })
  expect([result.text, result.finishReason]).toEqual([answer, 'stop'])
  expect(result.usage.totalTokens).toBeGreaterThan(result.usage.outputTokens ?? 0)
})

test('generateText takes text alone, instructions and several pictures', async () => {
  const alone = await generateText({
    model: tiny(),
    system: 'Be brief.',
    prompt: 'Hello',
    maxOutputTokens: 2,
  })
  expect(alone.usage.outputTokens).toBe(2)
  const several = await generateText({
    model: tiny(),
    messages: ask([image, image], prompt),
    maxOutputTokens: 2,
  })
  expect(several.usage.inputTokens).toBeGreaterThan(alone.usage.inputTokens ?? 0)
})

test('streamText streams the same text, with the usage', async () => {
  const result = streamText({ model: tiny(), temperature: 0, messages: ask([image], prompt) })
  let text = ''
  for await (const piece of result.textStream) text += piece
  expect(text).toBe(answer)
  expect((await result.usage).totalTokens).toBeGreaterThan(0)
})

test('tools are called and answered, streamed or not', async () => {
  const call = '<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>北京</arg_value>\n</tool_call>'
  const weather = tool({
    description: 'Tells the weather.',
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `${city}: 晴`,
  })
  const request = {
    model: modelAt(scripted.url, 'scripted'),
    prompt: '北京天气?',
    tools: { weather },
    stopWhen: stepCountIs(2),
  }
  scripted.runner.says(call, '晴。', call, '晴。')
  const whole = await generateText(request)
  expect([whole.text, whole.steps[0]?.toolCalls[0]?.input]).toEqual(['晴。', { city: '北京' }])
  expect(scripted.runner.prompts[1]).toContain('北京: 晴')
  const streamed = streamText(request)
  expect(await streamed.text).toBe('晴。')
  expect((await streamed.steps)[0]?.toolCalls[0]?.input).toEqual({ city: '北京' })
})

test('an object of a schema is what comes', async () => {
  const schema = z.object({ currency: z.enum(['CNY', 'USD']), ok: z.boolean() })
  const result = await generateText({
    model: tiny(),
    messages: ask([image], prompt),
    output: Output.object({ schema }),
  })
  expect(schema.parse(result.output)).toEqual(result.output)
})

test('reasoning comes apart', async () => {
  scripted.runner.says('<think>嗯</think>好')
  const { text, reasoningText } = await generateText({
    model: modelAt(scripted.url, 'scripted'),
    prompt: 'x',
    providerOptions: { glm: { thinking: { type: 'enabled' } } },
  })
  expect([text, reasoningText]).toEqual(['好', '嗯'])
})

test('errors tell status and message', async () => {
  const failed = await generateText({
    model: modelAt(running.url, 'gpt-5'),
    prompt: 'x',
    maxRetries: 0,
  }).catch((error: unknown) => error)
  expect(APICallError.isInstance(failed) && [failed.statusCode, failed.message]).toEqual([
    404,
    'the model gpt-5 is not served here; glm4v-tiny is',
  ])
})
