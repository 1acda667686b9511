import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../backend/start-server.ts'
import { dataUri, samplePath } from '../support/pictures.ts'
import { startTestServer } from '../support/start-test-server.ts'

let running: RunningServer
beforeAll(async () => {
  running = await startTestServer()
})
afterAll(() => running.close())

const image = () => dataUri(readFileSync(samplePath('receipt.png')))
const schema = {
  type: 'object',
  properties: { total: { type: 'number' }, currency: { enum: ['CNY', 'USD'] }, ok: { type: 'boolean' } },
  required: ['total', 'currency', 'ok'],
  additionalProperties: false,
}
const jsonSchema = { type: 'json_schema', json_schema: { name: 'receipt', schema } }

function post(path: string, body: unknown) {
  return fetch(running.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

interface Answer {
  readonly choices: readonly {
    readonly message: { readonly content: string }
    readonly finish_reason: string
  }[]
}

/** The text of a whole answer; what was cut by its length is not expected to parse. */
function finishedText({ choices: [choice] }: Answer): string {
  expect(choice?.finish_reason).toBe('stop')
  return choice?.message.content ?? ''
}

const multimodal = (change: Record<string, unknown>) =>
  post('/v1/multimodal/completions', {
    image: image(),
    prompt: 'What is the total?',
    max_new_tokens: 200,
    ...change,
  })

test('on both endpoints the answer fits the schema, whatever the model wanted', async () => {
  const fits = new Ajv().compile(schema)
  const direct = await multimodal({ temperature: 0, response_format: jsonSchema })
  expect(fits(JSON.parse(finishedText((await direct.json()) as Answer)))).toBe(true)
  const content = [
    { type: 'image_url', image_url: { url: image() } },
    { type: 'text', text: 'Hello' },
  ]
  for (const seed of [1, 2, 3]) {
    const chat = await post('/v1/chat/completions', {
      model: 'glm4v-tiny',
      messages: [{ role: 'user', content }],
      response_format: jsonSchema,
      temperature: 1,
      seed,
      max_tokens: 300,
    })
    const answer = (await chat.json()) as Answer
    if (answer.choices[0]?.finish_reason === 'stop') expect(fits(JSON.parse(finishedText(answer)))).toBe(true)
  }
})

test('a form takes the format as JSON text', async () => {
  const form = new FormData()
  form.set('image', new Blob([readFileSync(samplePath('receipt.png'))]), 'receipt.png')
  form.set('prompt', 'What is the total?')
  form.set('temperature', '0')
  form.set('response_format', JSON.stringify(jsonSchema))
  const response = await fetch(`${running.url}/v1/multimodal/completions`, { method: 'POST', body: form })
  expect(JSON.parse(finishedText((await response.json()) as Answer))).toHaveProperty('currency')
})

test('a keyword that cannot be enforced is refused with its name and path', async () => {
  const format = (keywords: Record<string, unknown>) => ({
    type: 'json_schema',
    json_schema: { name: 'x', schema: { type: 'object', properties: { a: keywords } } },
  })
  const response = await multimodal({
    response_format: format({ type: 'array', contains: { type: 'number' }, uniqueItems: true }),
  })
  const body = (await response.json()) as { error: { code: string; message: string; param: string } }
  expect([response.status, body.error.code, body.error.param]).toEqual([
    400,
    'unsupported_schema',
    'response_format',
  ])
  expect(body.error.message).toMatch(/contains|uniqueItems/)
  expect(body.error.message).toMatch(/properties\/a|properties\.a/)
})

test('a format beside reasoning or tools is refused, not dropped', async () => {
  const response = await multimodal({ response_format: { type: 'json_object' }, thinking: true })
  expect([response.status, await response.json()]).toMatchObject([
    400,
    { error: { code: 'unsupported_parameter' } },
  ])
})

test('a free stream goes on while others are constrained', async () => {
  const free = await multimodal({ stream: true, temperature: 1.5, seed: 1 })
  const constrained = Array.from({ length: 6 }, () =>
    multimodal({ response_format: { type: 'json_object' }, temperature: 1, max_new_tokens: 60 }),
  )
  expect(await free.text()).toMatch(/data: \[DONE\]/)
  for (const response of await Promise.all(constrained)) expect(response.status).toBe(200)
})
