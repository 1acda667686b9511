import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type PluginFailure, Plugins } from '../../../backend/plugins/plugins.ts'

const naughty = new URL('../../support/plugins/naughty.ts', import.meta.url)
const bars = new URL('../../support/plugins/bars.ts', import.meta.url)

const failures: PluginFailure[] = []
const options = {
  timeoutMs: 20_000,
  maxThreads: 1,
  maxWaiting: 4,
  onFailure: (failure: PluginFailure) => failures.push(failure),
}
const ask = () => Promise.resolve('a picture')

let plugins: Plugins
let impatient: Plugins
beforeAll(async () => {
  const files = [naughty, bars].map((url) => fileURLToPath(url))
  plugins = await Plugins.load({ ...options, files })
  impatient = await Plugins.load({ ...options, files, timeoutMs: 1000 })
})
afterAll(() => Promise.all([plugins.close(), impatient.close()]))
afterEach(() => {
  failures.length = 0
})

const finish = (content: string, signal = new AbortController().signal, streaming = false) =>
  plugins.finishText(
    { content, reasoning: '', toolCalls: [], finishReason: 'stop', streaming },
    { signal, ask },
  )

test('an answer may be changed, and the hook knows whether it is streamed', async () => {
  await expect(finish('shout')).resolves.toMatchObject({ content: 'SHOUT' })
  await expect(finish('shout', undefined, true)).resolves.toMatchObject({ content: 'SHOUT, STREAMING' })
  await expect(finish('anything else')).resolves.toMatchObject({ content: 'anything else' })
})

test('a refusal is told to the caller and is no failure', async () => {
  const refused = { code: 'plugin_refused', status: 400, message: 'this may not be said' }
  await expect(finish('refuse')).rejects.toMatchObject(refused)
  expect(failures).toEqual([])
})

test.each([
  ['throw', /the hook is broken/],
  ['exit', /code 3/],
  ['heap', /memory limit/],
  ['function', /could not be cloned/],
  ['number', /expected string/],
])('a hook that fails (%s) is the failure of that call alone', async (content, reason) => {
  await expect(finish(content)).rejects.toMatchObject({ code: 'plugin_error', status: 500 })
  expect(failures).toEqual([
    {
      plugin: 'naughty.ts',
      hook: 'finishText',
      error: expect.objectContaining({ message: expect.stringMatching(reason) }),
    },
  ])
  await expect(finish('shout')).resolves.toMatchObject({ content: 'SHOUT' })
})

test.each(['loop', 'hang'])('a hook that does not end (%s) is ended', async (content) => {
  const answer = { content, reasoning: '', toolCalls: [], finishReason: 'stop', streaming: false } as const
  const call = impatient.finishText(answer, { signal: new AbortController().signal, ask })
  await expect(call).rejects.toMatchObject({ code: 'plugin_error', status: 500 })
  const error = expect.objectContaining({ message: 'took longer than 1000 ms' })
  expect(failures).toEqual([{ plugin: 'naughty.ts', hook: 'finishText', error }])
})

test('who leaves ends the hook, and the next in turn gets a new thread', async () => {
  const leave = new AbortController()
  const left = expect(finish('hang', leave.signal)).rejects.toThrow('gone')
  const next = finish('shout')
  leave.abort(new Error('gone'))
  await left
  await expect(next).resolves.toMatchObject({ content: 'SHOUT' })
  expect(failures).toEqual([])
})

test('more than may wait are refused, not kept', async () => {
  const leave = new AbortController()
  const calls = Array.from({ length: 6 }, () => finish('hang', leave.signal))
  await expect(calls.at(-1)).rejects.toMatchObject({ code: 'queue_full' })
  leave.abort(new Error('gone'))
  await Promise.allSettled(calls)
})

test('pixels come from the first plug-in that knows the format', async () => {
  const { signal } = new AbortController()
  const decode = (text: string) => plugins.decodeImage(Buffer.from(text), 'image', signal)
  await expect(decode('BARSabc')).resolves.toMatchObject({ width: 3, height: 64, channels: 1 })
  await expect(decode('else')).resolves.toBeNull()
  await expect(decode('BARS')).rejects.toMatchObject({
    code: 'invalid_image',
    message: 'there are no bars',
    param: 'image',
  })
})

test.each([
  ['missing.ts', /cannot load the plug-in .*missing\.ts/],
  ['../../support/random.ts', /exports no object named plugin/],
])('a file that is no plug-in is named at once: %s', async (name, message) => {
  await expect(
    Plugins.load({ ...options, files: [fileURLToPath(new URL(name, import.meta.url))] }),
  ).rejects.toThrow(message)
})
