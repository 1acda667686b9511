import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.ts'

const naughty = new URL('../support/plugins/naughty.ts', import.meta.url)
const bars = new URL('../support/plugins/bars.ts', import.meta.url)
const asks = new URL('../support/plugins/asking.ts', import.meta.url)
const flags = (...files: readonly URL[]) => files.flatMap((file) => ['--plugin', fileURLToPath(file)])
const lines: string[] = []

let server: ScriptedServer
let asking: ScriptedServer
beforeAll(async () => {
  server = await startScriptedServer([...flags(naughty, bars), '--plugin-timeout', '1'], lines)
  asking = await startScriptedServer(flags(asks))
})
afterAll(() => Promise.all([server.close(), asking.close()]))

function post(path: string, body: object, to = server) {
  return fetch(`${to.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

const chat = (more: object = {}, to = server) =>
  post('/v1/chat/completions', { messages: [{ role: 'user', content: 'hello' }], ...more }, to)

const barsUri = (levels: string) =>
  `data:image/x-bars;base64,${Buffer.from(`BARS${levels}`).toString('base64')}`

test('an answer is changed before the client sees it', async () => {
  server.runner.says('shout')
  expect(await (await chat()).json()).toMatchObject({ choices: [{ message: { content: 'SHOUT' } }] })
})

test('a stream holds back until the hook has decided, then says what it decided', async () => {
  server.runner.says('shout')
  const text = await (await chat({ stream: true })).text()
  expect(text).toContain('"content":"SHOUT, STREAMING"')
  expect(text).not.toContain('shout')
  expect(text).toContain('[DONE]')
})

test.each([{ stream: false }, { stream: true }])(
  'a refused answer is a 400 and nothing of it gets out: %o',
  async (more) => {
    server.runner.says('refuse')
    const response = await chat(more)
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({
      error: {
        message: 'this may not be said',
        type: 'invalid_request_error',
        param: null,
        code: 'plugin_refused',
      },
    })
  },
)

test('a hook that never ends fails its request alone, and the log names it', async () => {
  server.runner.says('loop')
  const response = await chat()
  expect(response.status).toBe(500)
  expect(await response.json()).toMatchObject({ error: { code: 'plugin_error' } })
  const logged = lines.map((line) => JSON.parse(line)).find(({ message }) => message === 'A plug-in failed')
  expect(logged).toMatchObject({ plugin: 'naughty.ts', hook: 'finishText' })
  server.runner.says('shout')
  expect((await chat()).status).toBe(200)
})

test('of several answers each is finished by itself', async () => {
  server.runner.says('shout', 'quiet')
  const { choices } = (await (await chat({ n: 2 })).json()) as { choices: { message: { content: string } }[] }
  expect(choices.map(({ message }) => message.content).toSorted()).toEqual(['SHOUT', 'quiet'])
})

test('a picture of an unknown format is decoded by the plug-in', async () => {
  server.runner.says('bars')
  const image = barsUri('\x00\x40\x80\xff'.repeat(16))
  const response = await post('/v1/multimodal/completions', { image, prompt: 'What is it?' })
  expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'bars' } }] })
  const counted = await (await post('/v1/tokenize', { image, prompt: 'What is it?' })).json()
  expect(counted).toMatchObject({ images: [{ tokens: expect.any(Number) }] })
})

test.each([
  ['refused by the plug-in', barsUri(''), 'there are no bars', 400],
  ['known to nobody', 'data:image/x;base64,aGVsbG8gd29ybGQ=', /no known format/, 400],
  ['a broken picture of ours', 'data:image/png;base64,iVBORw0KGgo=', /cut off/, 400],
])('a picture that is %s is the caller’s mistake', async (_, image, message, status) => {
  const response = await post('/v1/multimodal/completions', { image, prompt: 'What is it?' })
  expect(response.status).toBe(status)
  const said = expect.stringMatching(message)
  expect(await response.json()).toMatchObject({
    error: { code: 'invalid_image', param: 'image', message: said },
  })
})

test('a plug-in asks the model about the pictures and changes the prompt', async () => {
  const image =
    'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
  asking.runner.says('a dot', 'fine')
  const response = await post('/v1/multimodal/completions', { image, prompt: 'Hm?' }, asking)
  expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'fine' } }] })
  expect(asking.runner.prompts.at(-2)).toContain('What is it?')
  expect(asking.runner.prompts.at(-1)).toContain('It is a dot. And now?')
})

test('a refused question is a 400 that names the prompt; a broken change is the plug-in’s fault', async () => {
  const refused = await chat({ messages: [{ role: 'user', content: 'not this' }] }, asking)
  expect(refused.status).toBe(400)
  expect(await refused.json()).toMatchObject({ error: { code: 'plugin_refused', param: 'messages' } })
  const image = { type: 'image_url', image_url: { url: barsUri('a') } }
  const content = [{ type: 'text', text: 'unbalanced' }, image]
  expect((await chat({ messages: [{ role: 'user', content }] }, asking)).status).toBe(500)
})
