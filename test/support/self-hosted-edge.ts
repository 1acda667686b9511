import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from '@hono/node-server'
import { bundle } from '../../edge/cli/bundle.ts'
import { workerdPath } from '../../edge/cli/workerd-path.ts'
import { createStandInBackend, type SeenRequest } from './stand-in-backend.ts'

const startTimeoutMs = 20_000

/** Test-only values: as random as secrets must be, and secret to nobody. */
export const edgeSecrets = {
  ADMIN_TOKEN: 'admin-token-for-tests-0123456789abcdef',
  KEY_CHECK_SECRETS: 'key-check-secret-for-tests-0123456789',
  SIGNING_KEYS: 'test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8',
  SETTLEMENT_KEYS: 'settle:Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA',
} as const

const standInProfile = JSON.stringify({
  maxContextLength: 2048,
  maxImageTokens: 1536,
  resize: { factor: 16, temporal: 2, minPixels: 16_384, maxPixels: 614_400 },
})

interface StandIn {
  readonly seen: readonly SeenRequest[]
  /** `host:port` */
  readonly address: string
  close(): void
}

/** A stand-in backend on a port of its own. */
export async function startStandIn(): Promise<StandIn> {
  const backend = createStandInBackend(edgeSecrets.SIGNING_KEYS)
  const { promise, resolve } = Promise.withResolvers<number>()
  const server = serve({ fetch: backend.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => resolve(port))
  const port = await promise
  return {
    seen: backend.seen,
    address: `127.0.0.1:${port}`,
    close() {
      server.close()
      if ('closeAllConnections' in server) server.closeAllConnections()
    },
  }
}

/** The bundled edge in plain workerd, as a self-hoster runs it. */
export class SelfHostedEdge {
  readonly url: string
  readonly folder: string
  readonly #config: string
  readonly #env: Record<string, string>
  #process: ChildProcess | null = null
  #output = ''

  private constructor(folder: string, config: string, port: number, env: Record<string, string>) {
    this.folder = folder
    this.url = `http://127.0.0.1:${port}`
    this.#config = config
    this.#env = env
  }

  /** @param port for backends that must know it before */
  static async start(
    backends: readonly string[],
    env: Record<string, string> = {},
    port?: number,
  ): Promise<SelfHostedEdge> {
    const folder = await mkdtemp(join(tmpdir(), 'glm-edge-'))
    const ownPort = port ?? (await freePort())
    const storage = join(folder, 'keys')
    const config = await bundle({
      out: join(folder, 'bundle'),
      listen: `127.0.0.1:${ownPort}`,
      backends,
      storage,
    })
    const edge = new SelfHostedEdge(folder, config, ownPort, {
      ...edgeSecrets,
      MODEL_PROFILE: standInProfile,
      ...env,
    })
    await edge.restart()
    return edge
  }

  get pid(): number {
    const pid = this.#process?.pid
    if (pid === undefined) throw new Error('workerd is not running')
    return pid
  }

  /** What workerd has printed so far. */
  get output(): string {
    return this.#output
  }

  /** Starts workerd and waits until it answers. */
  async restart(): Promise<void> {
    const child = spawn(workerdPath, ['serve', this.#config], {
      env: { PATH: process.env['PATH'] ?? '', ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#process = child
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString()
      })
    }
    const deadlineMs = Date.now() + startTimeoutMs
    while (Date.now() < deadlineMs) {
      if (child.exitCode !== null) break
      const response = await fetch(`${this.url}/livez`).catch(() => null)
      if (response?.ok) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error(`workerd did not start: ${this.#output}`)
  }

  async kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#process
    this.#process = null
    if (!child || child.exitCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }

  async close(): Promise<void> {
    await this.kill('SIGKILL')
    await rm(this.folder, { recursive: true, force: true })
  }

  async admin<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.url}/admin/keys${path}`, {
      method,
      headers: { authorization: `Bearer ${edgeSecrets.ADMIN_TOKEN}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return response.status === 204 ? (undefined as T) : ((await response.json()) as T)
  }

  makeKey(settings: Record<string, unknown> = {}): Promise<{ id: string; key: string }> {
    return this.admin('POST', '', { name: 'test', ...settings })
  }
}

/** A port nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
