import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const START_TIMEOUT_MS = 15_000

/** A real Redis on a loopback port of its own, with the settings that promise that nothing acknowledged is lost. */
export class RedisServer {
  readonly port: number
  readonly #dir: string
  readonly #extra: readonly string[]
  #child: ChildProcess | null = null

  private constructor(port: number, dir: string, extra: readonly string[]) {
    this.port = port
    this.#dir = dir
    this.#extra = extra
  }

  /** @param extra further settings, as on its command line. */
  static async start(extra: readonly string[] = []): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), await mkdtemp(join(tmpdir(), 'glm-redis-')), extra)
    await server.resume()
    return server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Starts it, after `kill` with what its append-only file says. */
  async resume(): Promise<void> {
    const persistence = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '']
    const place = ['--bind', '127.0.0.1', '--port', String(this.port), '--dir', this.#dir]
    const memory = ['--maxmemory-policy', 'noeviction', '--loglevel', 'warning']
    const child = spawn('redis-server', [...place, ...persistence, ...memory, ...this.#extra], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    this.#child = child
    const failed = once(child, 'error').then(([error]) => Promise.reject(error))
    await Promise.race([untilListening(this.port, child), failed])
  }

  /** Ends it without a chance to say good-bye. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }

  /** Lets it hang, as a host under memory pressure does; its sockets stay open. */
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  unpause(): void {
    this.#child?.kill('SIGCONT')
  }

  async close(): Promise<void> {
    this.unpause()
    await this.kill()
    await rm(this.#dir, { recursive: true, force: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  const untilMs = performance.now() + START_TIMEOUT_MS
  while (performance.now() < untilMs && child.exitCode === null) {
    const socket = connect(port, '127.0.0.1')
    const answer = await new Promise<string>((resolve) => {
      socket.once('connect', () => socket.write('PING\r\n'))
      socket.once('data', (bytes) => resolve(bytes.toString()))
      socket.once('error', () => resolve(''))
    })
    socket.destroy()
    if (answer.startsWith('+PONG')) return
    await delay(20)
  }
  throw new Error(`redis-server did not answer on port ${port}`)
}
