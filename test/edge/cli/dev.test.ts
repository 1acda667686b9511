import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { freePort } from '../../support/self-hosted-edge.ts'

const startTimeoutMs = 100_000
const started: { child: ChildProcess; folder: string }[] = []

afterEach(async () => {
  for (const { child, folder } of started.splice(0)) {
    // The group: whatever it started ends with it, even when the test has failed half-way.
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
})

/** `npm run dev` on free ports of loopback, with keys and secrets of its own. */
async function startDev() {
  const [port, backendPort] = [await freePort(), await freePort()]
  const folder = await mkdtemp(join(tmpdir(), 'glm-dev-'))
  const ports = ['--port', String(port), '--backend-port', String(backendPort)]
  const child = spawn(process.execPath, ['edge/cli/dev.ts', ...ports, '--folder', folder], { detached: true })
  started.push({ child, folder })
  let printed = ''
  const { promise: key, resolve, reject } = Promise.withResolvers<string>()
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString()
    const found = /^Test key: (\S+)$/m.exec(printed)?.[1]
    if (found !== undefined) resolve(found)
  })
  child.once('exit', (code) => reject(new Error(`it ended with ${code}: ${printed}`)))
  return {
    child,
    key: await key,
    edge: `http://127.0.0.1:${port}`,
    backend: `http://127.0.0.1:${backendPort}`,
  }
}

test(
  'npm run dev starts both on loopback, prints a key that works, and leaves nothing behind',
  async () => {
    const { child, key, edge, backend } = await startDev()
    const asked = await fetch(`${edge}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'user', content: 'hello' }], max_tokens: 1 }),
    })
    expect({ status: asked.status, body: await asked.json() }).toMatchObject({
      status: 200,
      body: { object: 'chat.completion' },
    })
    expect((await fetch(`${edge}/v1/models`)).status).toBe(401)

    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
    for (const url of [edge, backend]) await expect(fetch(`${url}/livez`)).rejects.toThrow()
  },
  startTimeoutMs,
)
