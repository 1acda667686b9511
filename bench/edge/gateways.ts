import { type ChildProcess, execFile, fork, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { bundle } from '../../edge/cli/bundle.ts'
import { workerdPath } from '../../edge/cli/workerd-path.ts'

/** Something that answers `POST /v1/chat/completions`. */
export interface Gateway {
  readonly name: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly pid: number
  close(): Promise<void>
}

const startTimeoutMs = 30_000

export async function startUpstream(): Promise<Gateway> {
  const child = fork(fileURLToPath(new URL('./upstream.ts', import.meta.url)))
  const [port] = (await once(child, 'message')) as [number]
  const url = `http://127.0.0.1:${port}`
  return { name: 'direct', url, headers: {}, pid: pidOf(child), close: () => stop(child) }
}

/** The edge in plain workerd, everything on: a key with every limit set, reserves, signatures, logs. */
export async function startEdge(upstream: Gateway): Promise<Gateway> {
  const folder = await mkdtemp(join(tmpdir(), 'glm-bench-edge-'))
  const port = await freePort()
  const config = await bundle({
    out: join(folder, 'bundle'),
    listen: `127.0.0.1:${port}`,
    backends: [new URL(upstream.url).host],
    storage: join(folder, 'keys'),
  })
  const random = () => randomBytes(32).toString('base64url')
  const secrets = { ADMIN_TOKEN: random(), KEY_CHECK_SECRETS: random(), SIGNING_KEYS: `bench:${random()}` }
  const resize = { factor: 28, temporal: 2, minPixels: 12_544, maxPixels: 9_633_792 }
  const profile = JSON.stringify({ maxContextLength: 131_072, maxImageTokens: 98_304, resize })
  const child = spawn(workerdPath, ['serve', config], {
    env: { ...secrets, MODEL_PROFILE: profile, BYTE_BUDGET: String(96 * 1024 * 1024) },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const url = `http://127.0.0.1:${port}`
  await untilAnswers(`${url}/livez`, child)
  const headers = { authorization: `Bearer ${await makeKey(url, secrets.ADMIN_TOKEN)}` }
  const close = async () => {
    await stop(child)
    await rm(folder, { recursive: true, force: true })
  }
  return { name: 'edge', url, headers, pid: pidOf(child), close }
}

/** Portkey's gateway from npm, in a folder of its own. It has no keys, no limits and no signatures. */
export async function startPortkey(upstream: Gateway): Promise<Gateway> {
  const folder = join(tmpdir(), 'glm-bench-portkey')
  await mkdir(folder, { recursive: true })
  const manifest = {
    private: true,
    dependencies: { '@portkey-ai/gateway': '1.15.2' },
    // Newer ones of these break it.
    overrides: { hono: '4.9.7', '@hono/node-server': '1.13.7' },
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
  await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], {
    cwd: folder,
  })
  const port = await freePort()
  const script = join(folder, 'node_modules/@portkey-ai/gateway/build/start-server.js')
  const child = spawn(process.execPath, [script, '--headless', `--port=${port}`], { stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  await untilAnswers(url, child)
  const headers = {
    authorization: 'Bearer none',
    'x-portkey-provider': 'openai',
    'x-portkey-custom-host': `${upstream.url}/v1`,
  }
  return { name: 'portkey', url, headers, pid: pidOf(child), close: () => stop(child) }
}

async function makeKey(url: string, adminToken: string): Promise<string> {
  const limits = {
    requests_per_minute: 100_000_000,
    tokens_per_minute: 100_000_000_000,
    image_bytes_per_minute: 1_000_000_000_000,
    pixels_per_minute: 1_000_000_000_000,
    concurrent_requests: 1000,
    tokens_per_day: 1_000_000_000_000,
    tokens_per_month: 1_000_000_000_000,
  }
  const response = await fetch(`${url}/admin/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'bench', limits }),
  })
  return ((await response.json()) as { key: string }).key
}

async function untilAnswers(url: string, child: ChildProcess) {
  const deadlineMs = Date.now() + startTimeoutMs
  while (Date.now() < deadlineMs && child.exitCode === null) {
    if (await fetch(url).catch(() => null)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`nothing answers at ${url}`)
}

async function stop(child: ChildProcess) {
  if (child.exitCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('the process did not start')
  return pid
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
