import { readFileSync } from 'node:fs'
import { AIMessage, HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI } from '@langchain/openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import type { RunningServer } from '../../backend/start-server.ts'
import { dataUri, samplePath, samplePictures } from '../support/pictures.ts'
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.ts'
import { startTestServer } from '../support/start-test-server.ts'

let running: RunningServer
let scripted: ScriptedServer
beforeAll(async () => {
  ;[running, scripted] = await Promise.all([startTestServer(), startScriptedServer()])
})
afterAll(() => Promise.all([running.close(), scripted.close()]))

const modelAt = (url: string, model: string, more = {}) =>
  new ChatOpenAI({ model, apiKey: 'none', configuration: { baseURL: `${url}/v1` }, maxRetries: 0, ...more })
const tiny = (more = {}) => modelAt(running.url, 'glm4v-tiny', { temperature: 0, ...more })

const picture = (name: string) => ({
  type: 'image_url' as const,
  image_url: { url: dataUri(readFileSync(samplePath(name))) },
})
const [sample] = samplePictures
const { image, prompt, answer } = sample ?? { image: '', prompt: '', answer: '' }
const question = (...names: readonly string[]) =>
  new HumanMessage({ content: [...names.map(picture), { type: 'text', text: prompt }] })

/** The package's types lose the field on a model that is configured by name. */
const usage = (message: { readonly usage_metadata?: unknown }) =>
  z
    .object({ input_tokens: z.int(), output_tokens: z.int(), total_tokens: z.int() })
    .parse(message.usage_metadata)

test('invoke reads a picture and tells the usage', async () => {
  const message = await tiny().invoke([question(image)])
  expect(message.text).toBe(answer)
  expect(usage(message).total_tokens).toBeGreaterThan(0)
  expect(message.response_metadata['finish_reason']).toBe('stop')
})

test('invoke takes text alone, instructions, several turns and several pictures', async () => {
  const model = tiny({ maxTokens: 2 })
  const alone = await model.invoke('Hello')
  const turns = [new SystemMessage('Be brief.'), question(image, image), new AIMessage('好'), question(image)]
  const message = await model.invoke(turns)
  expect(usage(message).output_tokens).toBe(2)
  expect(usage(message).input_tokens).toBeGreaterThan(usage(alone).input_tokens)
})

test('stream gives the same text in pieces, with the usage', async () => {
  let text = ''
  const usages: unknown[] = []
  for await (const chunk of await tiny({ streamUsage: true }).stream([question(image)])) {
    text += chunk.text
    if (chunk.usage_metadata !== undefined) usages.push(chunk.usage_metadata)
  }
  expect(text).toBe(answer)
  expect(usages).toMatchObject([{ total_tokens: expect.any(Number) }])
})

test('logprobs come with the message', async () => {
  const message = await tiny({ logprobs: true, topLogprobs: 2 }).invoke([question(image)])
  expect(message.response_metadata['logprobs']).toMatchObject({ content: expect.any(Array) })
})

test('bound tools are called, streamed or not, and their results fed back', async () => {
  const call = '<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>北京</arg_value>\n</tool_call>'
  const weather = tool(async ({ city }: { city: string }) => `${city}: 晴`, {
    name: 'weather',
    description: 'Tells the weather.',
    schema: z.object({ city: z.string() }),
  })
  const model = modelAt(scripted.url, 'scripted').bindTools([weather])
  scripted.runner.says(call, '晴。', call)
  const asked = new HumanMessage('北京天气?')
  const message = await model.invoke([asked])
  expect(message.tool_calls).toMatchObject([{ name: 'weather', args: { city: '北京' } }])
  const result = new ToolMessage({ content: '北京: 晴', tool_call_id: message.tool_calls?.[0]?.id ?? '' })
  expect((await model.invoke([asked, message, result])).text).toBe('晴。')
  expect(scripted.runner.prompts[1]).toContain('北京: 晴')
  let streamed: { concat(other: unknown): unknown } | null = null
  for await (const chunk of await model.stream([asked])) {
    streamed = streamed === null ? chunk : (streamed.concat(chunk as never) as typeof chunk)
  }
  expect(streamed).toMatchObject({ tool_calls: [{ name: 'weather', args: { city: '北京' } }] })
})

test('an object of a schema is what comes', async () => {
  const schema = z.object({ currency: z.enum(['CNY', 'USD']), ok: z.boolean() })
  const model = tiny().withStructuredOutput(schema, { method: 'jsonSchema' })
  const value = await model.invoke([question(image)])
  expect(schema.parse(value)).toEqual(value)
})

test('errors tell status and field', async () => {
  await expect(modelAt(running.url, 'gpt-5').invoke('x')).rejects.toMatchObject({ status: 404 })
  await expect(tiny({ modelKwargs: { logit_bias: { 5: 1 } } }).invoke('x')).rejects.toMatchObject({
    status: 400,
    param: 'logit_bias',
  })
})
