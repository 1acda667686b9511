import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { endlessAnswer } from '../support/endless-answer.ts'
import { askProgram as ask, killPrograms, startProgram as start } from '../support/program.ts'

afterEach(killPrograms)

test('SIGTERM refuses new requests with 503, lets the running one finish, and ends with code 0', async () => {
  const { child, line, url: ready } = start()
  const url = await ready()
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
  const { child, url: ready } = start(['--drain-timeout', '0'])
  const url = await ready()
  const running = await ask(url, { ...endlessAnswer(1500), stream: true })
  child.kill('SIGTERM')
  expect(await running.text()).toMatch(/"code":"draining"/)
  const [code] = await once(child, 'exit')
  expect(code).toBe(0)
})

test('health answers while the model loads, and every request leaves one log line without its prompt or picture', async () => {
  const { lines, line } = start()
  const url = String((await line('Listening; the model is loading'))['url'])
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
  const url = await start().url()
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
