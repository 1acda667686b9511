import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { endlessAnswer } from '../support/endless-answer.ts'
import { dataUri, samplePath } from '../support/pictures.ts'
import { testCacheDir } from '../support/start-test-server.ts'

const entry = fileURLToPath(new URL('../../bin/glm.js', import.meta.url))
const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

type LogLine = Record<string, unknown> & { readonly message: string }

/** The real program, its log read line by line. */
function start(flags: readonly string[] = []) {
  const args = [entry, 'serve', '--port', '0', '--cache-dir', testCacheDir, ...flags]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  const lines: LogLine[] = []
  const waiting: { readonly message: string; resolve(line: LogLine): void }[] = []
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line: LogLine = JSON.parse(text)
    lines.push(line)
    for (const wait of waiting) if (wait.message === line.message) wait.resolve(line)
  })
  const line = (message: string) =>
    new Promise<LogLine>((resolve) => {
      const seen = lines.find((known) => known.message === message)
      if (seen === undefined) waiting.push({ message, resolve })
      else resolve(seen)
    })
  return { child, lines, line }
}

const ask = (url: string, change: Record<string, unknown> = {}) =>
  fetch(`${url}/v1/multimodal/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      image: dataUri(readFileSync(samplePath('receipt.png'))),
      prompt: '列出所有金额',
      temperature: 0,
      ...change,
    }),
  })

test('SIGTERM refuses new requests with 503, lets the running one finish, and ends with code 0', async () => {
  const { child, line } = start()
  const { url } = (await line('Ready')) as LogLine & { url: string }
  const running = await ask(url, { ...endlessAnswer(400), stream: true })
  child.kill('SIGTERM')
  await line('Draining')
  const refused = await ask(url)
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: 'draining' } }])
  expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  const health = await fetch(`${url}/health`)
  expect([health.status, await health.json()]).toMatchObject([503, { status: 'draining' }])
  expect(await running.text()).toMatch(/"finish_reason":"(stop|length)"[\s\S]*data: \[DONE\]\n\n$/)
  const [code] = await once(child, 'exit')
  expect(code).toBe(0)
})

test('the drain ends at its deadline, with an error event in the stream it cuts', async () => {
  const { child, line } = start(['--drain-timeout', '0'])
  const { url } = (await line('Ready')) as LogLine & { url: string }
  const running = await ask(url, { ...endlessAnswer(1500), stream: true })
  child.kill('SIGTERM')
  expect(await running.text()).toMatch(/"code":"draining"/)
  const [code] = await once(child, 'exit')
  expect(code).toBe(0)
})

test('health answers while the model loads, and every request leaves one log line without its prompt or picture', async () => {
  const { lines, line } = start()
  const { url } = (await line('Listening; the model is loading')) as LogLine & { url: string }
  const early = await fetch(`${url}/health`)
  expect([200, 503]).toContain(early.status)
  expect((await fetch(`${url}/livez`)).status).toBe(200)
  await line('Ready')
  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({
    status: 'healthy',
    model: 'glm4v-tiny',
    device: 'cpu',
  })
  const answer = await ask(url, { prompt: 'What is the total?' })
  const record = await line('Request processed')
  expect(record).toMatchObject({
    level: 'INFO',
    request_id: answer.headers.get('x-request-id'),
    http_status: 200,
    status: 'success',
    prompt_len: 18,
    prompt_tokens: expect.any(Number),
    completion_tokens: expect.any(Number),
    duration_ms: expect.any(Number),
    ttft_ms: expect.any(Number),
    queue_ms: expect.any(Number),
  })
  expect(lines.map((known) => JSON.stringify(known)).join('\n')).not.toMatch(/What is|base64/)
})

test('an address that is taken, a folder without a model and a bad flag each end with one clear line', async () => {
  const { line } = start()
  const { url } = (await line('Ready')) as LogLine & { url: string }
  const failures = [
    { flags: ['--port', new URL(url).port], text: /another program listens there/, code: 1 },
    { flags: ['--model-path', '/nowhere/at-all'], text: /\/nowhere\/at-all/, code: 1 },
    { flags: ['--port', 'many'], text: /--port many/, code: 2 },
    { flags: ['--device', 'cuda:0'], text: /CUDA 12/, code: 1 },
  ]
  for (const { flags, text, code } of failures) {
    const { child } = start(flags)
    const errors: string[] = []
    child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk.toString()))
    const [exitCode] = await once(child, 'exit')
    expect(errors.join('')).toMatch(text)
    expect(exitCode, errors.join('')).toBe(code)
  }
})
