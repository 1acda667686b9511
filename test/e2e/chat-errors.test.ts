import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../backend/start-server.ts'
import { dataUri, samplePath } from '../support/pictures.ts'
import { startTestServer } from '../support/start-test-server.ts'

let running: RunningServer
beforeAll(async () => {
  running = await startTestServer([
    '--max-images',
    '2',
    '--max-image-bytes',
    '200000',
    '--max-batch-size',
    '2',
  ])
})
afterAll(() => running.close())

const send = (body: unknown) =>
  fetch(`${running.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

const hello = { role: 'user', content: 'Hello' }
const image = (url: unknown, more = {}) => ({ type: 'image_url', image_url: { url, ...more } })
const parts = (...content: unknown[]) => ({ messages: [{ role: 'user', content }] })
const good = dataUri(readFileSync(samplePath('number.png')))
const text = { type: 'text', text: 'x' }
const tool = { type: 'function', function: { name: 'f' } }
const call = { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }

test.each<[string, string, string | null, Record<string, unknown>]>([
  ['no messages', 'invalid_request', 'messages', {}],
  ['empty messages', 'invalid_request', 'messages', { messages: [] }],
  ['an unknown role', 'invalid_request', 'messages[0].role', { messages: [{ role: 'bot', content: 'x' }] }],
  ['no content', 'invalid_request', 'messages[0].content', { messages: [{ role: 'user' }] }],
  [
    'content of a wrong type',
    'invalid_request',
    'messages[0].content',
    { messages: [{ role: 'user', content: 5 }] },
  ],
  [
    'an assistant that said nothing',
    'invalid_request',
    'messages[0].content',
    { messages: [{ role: 'assistant', content: null }] },
  ],
  ['an unknown part', 'invalid_request', 'messages[0].content[1].type', parts(text, { type: 'input_audio' })],
  ['a part without its text', 'invalid_request', 'messages[0].content[0].text', parts({ type: 'text' })],
  [
    'an unknown field of a part',
    'unsupported_parameter',
    'messages[0].content[0].cache_control',
    parts({ ...text, cache_control: {} }),
  ],
  [
    'a picture without URL',
    'invalid_request',
    'messages[0].content[0].image_url.url',
    parts(image(undefined)),
  ],
  [
    'low detail',
    'unsupported_parameter',
    'messages[0].content[0].image_url.detail',
    parts(image(good, { detail: 'low' })),
  ],
  [
    'a second picture that is bad',
    'invalid_image',
    'messages[0].content[2].image_url.url',
    parts(image(good), text, image('data:image/png;base64,AAAA')),
  ],
  [
    'a URL of this machine',
    'invalid_image_url',
    'messages[0].content[0].image_url.url',
    parts(image('http://127.0.0.1:1/x.png')),
  ],
  [
    'a picture too large',
    'image_too_large',
    'messages[0].content[0].image_url.url',
    parts(image(dataUri(Buffer.alloc(200_001)))),
  ],
  [
    'too many pictures',
    'invalid_request',
    'messages[0].content[2].image_url.url',
    parts(image(good), image(good), image(good)),
  ],
  [
    'a picture in a system message',
    'invalid_request',
    'messages[0].content[0].type',
    { messages: [{ role: 'system', content: [image(good)] }, hello] },
  ],
  ['a name', 'unsupported_parameter', 'messages[0].name', { messages: [{ ...hello, name: 'Ann' }] }],
  [
    'a long conversation',
    'context_length_exceeded',
    'messages',
    { messages: [{ role: 'user', content: '金'.repeat(4000) }] },
  ],
  ['a field nobody knows', 'unsupported_parameter', 'tempreature', { messages: [hello], tempreature: 0 }],
  ['a field kept by others', 'unsupported_parameter', 'store', { messages: [hello], store: true }],
  ['weights of tokens', 'unsupported_parameter', 'logit_bias', { messages: [hello], logit_bias: { 50: 3 } }],
  [
    'a degree of reasoning',
    'unsupported_parameter',
    'reasoning_effort',
    { messages: [hello], reasoning_effort: 'high' },
  ],
  ['audio', 'unsupported_parameter', 'modalities', { messages: [hello], modalities: ['text', 'audio'] }],
  [
    'padding',
    'unsupported_parameter',
    'stream_options.include_obfuscation',
    { messages: [hello], stream: true, stream_options: { include_obfuscation: true } },
  ],
  ['a forced call', 'unsupported_parameter', 'tool_choice', { messages: [hello], tool_choice: 'required' }],
  ['tools the template ignores', 'unsupported_parameter', 'tools', { messages: [hello], tools: [tool] }],
  [
    'a strict tool',
    'unsupported_parameter',
    'tools[0].function.strict',
    { messages: [hello], tools: [{ ...tool, function: { name: 'f', strict: true } }] },
  ],
  [
    'a tool of another kind',
    'invalid_request',
    'tools[0].type',
    { messages: [hello], tools: [{ ...tool, type: 'custom' }] },
  ],
  [
    'calls the template ignores',
    'unsupported_parameter',
    'messages[1].tool_calls',
    {
      messages: [
        hello,
        { role: 'assistant', tool_calls: [call] },
        { role: 'tool', tool_call_id: 'a', content: 'x' },
      ],
    },
  ],
  [
    'alternatives without logprobs',
    'invalid_request',
    'top_logprobs',
    { messages: [hello], top_logprobs: 2 },
  ],
  [
    'too many alternatives',
    'invalid_request',
    'top_logprobs',
    { messages: [hello], logprobs: true, top_logprobs: 21 },
  ],
  [
    'stream options without a stream',
    'invalid_request',
    'stream_options',
    { messages: [hello], stream_options: {} },
  ],
  [
    'two lengths',
    'invalid_request',
    'max_tokens',
    { messages: [hello], max_tokens: 3, max_completion_tokens: 4 },
  ],
  ['more answers than slots', 'invalid_request', 'n', { messages: [hello], n: 3 }],
  [
    'a penalty out of range',
    'invalid_request',
    'presence_penalty',
    { messages: [hello], presence_penalty: 2.5 },
  ],
  [
    'an unknown format',
    'invalid_request',
    'response_format.type',
    { messages: [hello], response_format: { type: 'xml' } },
  ],
  ['an empty stop string', 'invalid_request', 'stop[1]', { messages: [hello], stop: ['a', ''] }],
])('%s: %s at %s', async (_, code, param, body) => {
  const response = await send(body)
  const { error } = (await response.json()) as { error: unknown }
  expect(error).toMatchObject({ code, param })
  expect(response.status).toBe(code === 'image_too_large' ? 413 : 400)
})

test('all fields at the values that ask for nothing are taken', async () => {
  const nothing = {
    audio: null,
    chat_template_kwargs: {},
    frequency_penalty: null,
    function_call: 'auto',
    functions: [],
    logit_bias: {},
    logprobs: false,
    max_completion_tokens: 1,
    max_tokens: 1,
    metadata: {},
    modalities: ['text'],
    moderation: null,
    n: 1,
    parallel_tool_calls: true,
    prediction: null,
    presence_penalty: 0,
    prompt_cache_key: null,
    prompt_cache_options: null,
    prompt_cache_retention: 'in_memory',
    reasoning_effort: 'none',
    repetition_penalty: 1,
    response_format: { type: 'text' },
    safety_identifier: 'x',
    seed: null,
    service_tier: 'default',
    stop: [],
    store: false,
    stream: false,
    stream_options: null,
    temperature: null,
    thinking: { type: 'disabled' },
    tool_choice: 'none',
    tools: [],
    top_k: 0,
    top_logprobs: null,
    top_p: 1,
    user: 'x',
    verbosity: 'medium',
    web_search_options: null,
  }
  const said = {
    role: 'assistant',
    content: 'Hi',
    refusal: null,
    audio: null,
    annotations: [],
    tool_calls: null,
  }
  const response = await send({ messages: [hello, said, hello], ...nothing })
  expect([response.status, await response.json()]).toMatchObject([200, {}])
})
