import { Redis } from 'ioredis'
import type { JobBody } from '../../backend/deferral/job-body.ts'
import { RedisServer } from '../../bench/support/redis-server.ts'
import { readProfile } from '../../edge/cli/model-profile.ts'
import { type KeyUsage, quotaUsedOf } from './key-usage.ts'
import { type Program, startProgram } from './program.ts'
import { edgeSecrets, freePort, SelfHostedEdge } from './self-hosted-edge.ts'

/** The edge in workerd, a backend with the model that ships and a Redis, each a process of its own. */
export class EdgeWithJobs {
  readonly redisServer: RedisServer
  readonly redis: Redis
  readonly edge: SelfHostedEdge
  readonly #backendPort: number
  readonly #flags: readonly string[]
  backend: Program

  private constructor(
    redisServer: RedisServer,
    edge: SelfHostedEdge,
    backendPort: number,
    flags: readonly string[],
  ) {
    this.redisServer = redisServer
    this.redis = new Redis(redisServer.url)
    this.edge = edge
    this.#backendPort = backendPort
    this.#flags = flags
    this.backend = this.#startBackend()
  }

  /** @param flags further flags of the backend */
  static async start(flags: readonly string[] = []): Promise<EdgeWithJobs> {
    const [redisServer, edgePort, backendPort] = await Promise.all([
      RedisServer.start(),
      freePort(),
      freePort(),
    ])
    const profile = JSON.stringify(await readProfile('models/glm4v-tiny', 2048))
    const edge = await SelfHostedEdge.start(
      [`127.0.0.1:${backendPort}`],
      { MODEL_PROFILE: profile },
      edgePort,
    )
    const jobs = ['--redis-url', redisServer.url, '--job-lease', '2', '--threads', '1']
    const settles = ['--edge-url', edge.url, '--settlement-key', edgeSecrets.SETTLEMENT_KEYS]
    const all = new EdgeWithJobs(redisServer, edge, backendPort, [...jobs, ...settles, ...flags])
    await all.#ready()
    return all
  }

  get backendUrl(): string {
    return `http://127.0.0.1:${this.#backendPort}`
  }

  /** Ends the backend without a chance to say good-bye. */
  async killBackend(): Promise<void> {
    const { child } = this.backend
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await exited
  }

  async restartBackend(): Promise<void> {
    this.backend = this.#startBackend()
    await this.#ready()
  }

  async close(): Promise<void> {
    await this.killBackend()
    await this.edge.close()
    this.redis.disconnect()
    await this.redisServer.close()
  }

  call(key: string, path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...init.headers }
    return fetch(`${this.edge.url}${path}`, { ...init, headers })
  }

  submit(key: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return this.call(key, '/v1/jobs', { method: 'POST', body: JSON.stringify(body), headers })
  }

  async finished(key: string, id: string): Promise<JobBody> {
    const response = await this.call(key, `/v1/jobs/${id}?wait=60`)
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    return (await response.json()) as JobBody
  }

  async usage(key: string): Promise<KeyUsage> {
    return (await (await this.call(key, '/v1/usage')).json()) as KeyUsage
  }

  /** Tokens the day's quota counts as taken, once nothing is reserved any more. */
  async settled(key: string): Promise<number> {
    for (;;) {
      const usage = await this.usage(key)
      if (usage.open_jobs.count === 0) return quotaUsedOf(usage)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  async #ready(): Promise<void> {
    const { child } = this.backend
    const gone = new Promise<never>((_, reject) => {
      child.once('exit', (code) => reject(new Error(`the backend ended with ${code} before it was ready`)))
    })
    gone.catch(() => {}) // later it is killed on purpose
    await Promise.race([this.backend.url(), gone])
  }

  #startBackend(): Program {
    const flags = ['--port', String(this.#backendPort), '--signing-key', edgeSecrets.SIGNING_KEYS]
    return startProgram([...flags, ...this.#flags])
  }
}
