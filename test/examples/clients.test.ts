import { type ExecFileException, execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningServer } from '../../backend/start-server.ts'
import { startTestServer } from '../support/start-test-server.ts'

/** Debian's packages are seen by Debian's Python alone; another one may come first on the PATH. */
const python = mkdtempSync(join(tmpdir(), 'glm-python-'))
symlinkSync('/usr/bin/python3', join(python, 'python3'))
afterAll(() => rmSync(python, { recursive: true }))

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

function run(command: string, env: Readonly<Record<string, string>>): Promise<Ran> {
  const options = { cwd: root, env: { ...process.env, PATH: `${python}:${process.env['PATH']}`, ...env } }
  return new Promise((resolve) => {
    execFile(
      'bash',
      ['-euo', 'pipefail', '-c', command],
      options,
      (error: ExecFileException | null, out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : 1, out, err }),
    )
  })
}

/** The commands under a README's heading about clients, each on a line of its own. */
function commandsOf(readme: string): string[] {
  const text = readFileSync(`${root}/${readme}`, 'utf8')
  const block = /<!-- clients -->\n```sh\n([\s\S]*?)```/.exec(text)?.[1] ?? ''
  return block.split('\n').filter((line) => line !== '')
}

const commands = commandsOf('README.md')

beforeAll(async () => {
  const needed = 'for tool in curl jq python3; do command -v $tool; done; python3 -c "import requests, httpx"'
  const { code, err } = await run(needed, {})
  if (code !== 0) {
    throw new Error(
      `the clients need more: apt-get install -y curl jq python3-requests python3-httpx\n${err}`,
    )
  }
})

test('both READMEs show the same five clients', () => {
  expect(commandsOf('README.zh-CN.md')).toEqual(commands)
  expect(commands.map((command) => /examples\/\S+\.(py|mjs|sh)/.exec(command)?.[0])).toEqual([
    'examples/ask.sh',
    'examples/ask_requests.py',
    'examples/ask_async.py',
    'examples/ask-fetch.mjs',
    'examples/ask-axios.mjs',
  ])
})

describe('against a live server that wants a key', () => {
  const key = 'a-key-for-this-test'
  let running: RunningServer
  beforeAll(async () => {
    running = await startTestServer(['--api-key', key])
  })
  afterAll(() => running.close())

  test.each(commands)('%s prints what is on the picture', async (command) => {
    const { code, out, err } = await run(command, { GLM_URL: running.url, GLM_API_KEY: key })
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toBe(
      command.includes('async')
        ? 'examples/price-tag.png: ¥33.73\nexamples/price-tag-large.png: ¥163.49\n'
        : '21.76\n14.03\n16.00\n51.79\n',
    )
  })

  test.each(commands)('%s says what is wrong, once, when the key is', async (command) => {
    const { code, out, err } = await run(command, { GLM_URL: running.url, GLM_API_KEY: 'another-key' })
    expect(code).toBe(1)
    expect(out.trim()).toBe('')
    expect(err).toMatch(/invalid_api_key: this API key is not known here/)
    expect(err).not.toMatch(/Traceback|at file:/)
  })
})

describe('against a server that plays a part', () => {
  type Play = (request: IncomingMessage, response: ServerResponse) => void
  const servers: Server[] = []
  afterAll(() => {
    for (const server of servers) server.closeAllConnections()
    for (const server of servers) server.close()
  })

  /** Each request in turn meets the next play; the last is for all that follow. `calls` says when they came. */
  async function play(...plays: readonly Play[]): Promise<{ env: { GLM_URL: string }; calls: number[] }> {
    const calls: number[] = []
    const server = createServer((request, response) => {
      request.resume().on('end', () => {
        const now = plays[Math.min(calls.length, plays.length - 1)]
        calls.push(performance.now())
        now?.(request, response)
      })
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { env: { GLM_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, calls }
  }

  const event = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`
  const error = (code: string) =>
    JSON.stringify({ error: { code, message: 'not now', param: null, type: 'x' } })
  const streamed = { 'content-type': 'text/event-stream' }
  const answer: Play = (_, response) =>
    response.writeHead(200, streamed).end(`${event('fine')}data: [DONE]\n\n`)
  const refuse =
    (status: number, code: string): Play =>
    (_, response) =>
      response.writeHead(status, { 'retry-after': '2', 'content-type': 'application/json' }).end(error(code))

  /** One picture a command, so that each call is an attempt. */
  const single = commands.map((command) => command.replace(' examples/price-tag-large.png', ''))

  test.concurrent.each(single)('%s comes back after 503 and 429, never sooner than told', async (command) => {
    const { env, calls } = await play(refuse(503, 'queue_full'), refuse(429, 'rate_limit_exceeded'), answer)
    const { code, out } = await run(command, env)
    expect(out).toMatch(/fine\n$/)
    expect(code).toBe(0)
    const waits = calls.slice(1).map((time, index) => time - (calls[index] ?? 0))
    expect(waits).toHaveLength(2)
    for (const waited of waits) expect(waited).toBeGreaterThan(1990) // clocks round
  })

  test.concurrent.each(single)('%s does not repeat what is wrong in itself', async (command) => {
    const { env, calls } = await play(refuse(400, 'invalid_image'))
    const { code, err } = await run(command, env)
    expect(err).toMatch(/invalid_image: not now/)
    expect(code).toBe(1)
    expect(calls).toHaveLength(1)
  })

  test.concurrent.each(single)('%s does not wait for ever', async (command) => {
    const { env, calls } = await play(() => {})
    const { code, err } = await run(command, { ...env, GLM_TIMEOUT: '1' })
    expect(err).toMatch(/time(d )?-?out|aborted|canceled/i)
    expect(code).toBe(1)
    expect(calls).toHaveLength(1)
  })

  test.concurrent.each(single)(
    '%s takes neither half a stream nor an error in it for an answer',
    async (command) => {
      const half: Play = (_, response) =>
        response.writeHead(200, streamed).write(event('half'), () => response.destroy())
      const broken = await play(half)
      expect((await run(command, broken.env)).code).toBe(1)
      const failing = await play((_, response) =>
        response.writeHead(200, streamed).end(`${event('half')}data: ${error('draining')}\n\n`),
      )
      const { code, err } = await run(command, failing.env)
      expect(err).toMatch(/draining: not now/)
      expect(code).toBe(1)
      expect([broken.calls.length, failing.calls.length]).toEqual([1, 1])
    },
  )
})
