import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { CutProxy } from '../support/cut-proxy.ts'
import { RedisServer } from '../support/redis-server.ts'
import { ChaosBackend } from './chaos-backend.ts'
import { type Accepted, produce } from './chaos-producer.ts'

export interface ChaosOptions {
  readonly jobs: number
  readonly backends: number
  /** Of the run's random choices. */
  readonly seed: number
  /** Between two strokes, on average. */
  readonly strokeEveryMs: number
  /** Between two submissions. */
  readonly submitEveryMs: number
  /** A job still open after this is lost. */
  readonly timeoutMs: number
  /** Further flags of every backend. */
  readonly flags: readonly string[]
}

export interface ChaosReport {
  readonly accepted: number
  readonly done: number
  readonly dead: number
  readonly deadReasons: Readonly<Record<string, number>>
  /** Jobs with more than one result. */
  readonly twice: number
  /** Accepted jobs without a result. */
  readonly lost: number
  /** Results of jobs nobody was told of, beyond the submissions of unknown fate. */
  readonly unexplained: number
  /** What is left in the queue, pending or waiting for a retry, after the last job. */
  readonly left: number
  /** Runs begun, of all jobs. */
  readonly attempts: number
  readonly kills: number
  readonly redisRestarts: number
  readonly redisHangs: number
  readonly cuts: number
  readonly refusals: number
  readonly unheard: number
  readonly seconds: number
}

type Strokes = { kills: number; redisRestarts: number; redisHangs: number; cuts: number }

const HANG_MS = 700

/** Runs jobs through real backends and a real Redis while both are killed and cut off, and counts what became of them. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const startMs = performance.now()
  const redisServer = await RedisServer.start()
  // The observer's own way to Redis is not cut; it waits through restarts.
  const redis = new Redis(redisServer.url, { maxRetriesPerRequest: 0, enableOfflineQueue: false })
  redis.on('error', () => {}) // expected, again and again
  const proxies = await Promise.all(
    Array.from({ length: options.backends }, () => CutProxy.start(redisServer.port)),
  )
  const backends = proxies.map(({ port }) => {
    const queue = ['--redis-url', `redis://127.0.0.1:${port}`, '--job-lease', '2', '--job-attempts', '5']
    return new ChaosBackend([...queue, '--threads', '1', '--max-batch-size', '2', ...options.flags])
  })
  const random = createRandom(options.seed)
  const over = new AbortController()
  try {
    for (const backend of backends) await backend.start()
    const strokes = strike({ options, redisServer, proxies, backends, random, signal: over.signal })
    const backendUrl = () => backends[Math.floor(random() * backends.length)]?.url ?? null
    const accepted = await produce(options.jobs, redis, backendUrl, options.submitEveryMs)
    await untilEnded(redis, accepted.ids, performance.now() + options.timeoutMs)
    over.abort()
    const counts = await strokes
    const ends = await tally(redis, accepted)
    return { ...ends, ...counts, seconds: Math.round((performance.now() - startMs) / 100) / 10 }
  } finally {
    over.abort()
    await Promise.all(backends.map((backend) => backend.end('SIGKILL')))
    redis.disconnect()
    await Promise.all(proxies.map((proxy) => proxy.close()))
    await redisServer.close()
  }
}

interface Stage {
  readonly options: ChaosOptions
  readonly redisServer: RedisServer
  readonly proxies: readonly CutProxy[]
  readonly backends: readonly ChaosBackend[]
  readonly random: () => number
  readonly signal: AbortSignal
}

/** Does harm until the signal; leaves everything running. */
async function strike({ options, redisServer, proxies, backends, random, signal }: Stage): Promise<Strokes> {
  const strokes: Strokes = { kills: 0, redisRestarts: 0, redisHangs: 0, cuts: 0 }
  const pick = <T>(things: readonly T[]) => things[Math.floor(random() * things.length)] as T // never empty
  for (;;) {
    await delay(options.strokeEveryMs * (0.5 + random()), undefined, { signal }).catch(() => {}) // woken to end
    if (signal.aborted) return strokes
    const chance = random()
    if (chance < 0.5) {
      const backend = pick(backends)
      await backend.end('SIGKILL')
      backend.start() // the next stroke does not wait for it
      strokes.kills += 1
    } else if (chance < 0.65) {
      await redisServer.kill()
      await redisServer.resume()
      strokes.redisRestarts += 1
    } else if (chance < 0.72) {
      redisServer.pause()
      await delay(HANG_MS)
      redisServer.unpause()
      strokes.redisHangs += 1
    } else strokes.cuts += pick(proxies).cut()
  }
}

async function untilEnded(redis: Redis, ids: readonly string[], untilMs: number): Promise<void> {
  const open = new Set(ids)
  let position = '0-0'
  while (open.size > 0 && performance.now() < untilMs) {
    try {
      const entries = await redis.xrange('glm_results', `(${position}`, '+', 'COUNT', 500)
      for (const [id, fields] of entries) {
        position = id
        open.delete(fields[1] ?? '')
      }
      if (entries.length === 0) await delay(200)
    } catch {
      await delay(200) // Redis is being restarted
    }
  }
}

async function tally(redis: Redis, { ids, unheard, refusals }: Accepted) {
  const results = await redis.xrange('glm_results', '-', '+')
  const ends = new Map<string, number>()
  const accepted = new Set(ids)
  const counts = { done: 0, dead: 0, attempts: 0 }
  for (const [, fields] of results) {
    const value = (name: string) => fields[fields.indexOf(name) + 1] ?? ''
    ends.set(value('job'), (ends.get(value('job')) ?? 0) + 1)
    if (!accepted.has(value('job'))) continue
    counts.attempts += Number(value('attempt'))
    if (value('status') === 'done') counts.done += 1
    if (value('status') === 'dead') counts.dead += 1
  }
  const letters = await redis.xrange('glm_dead', '-', '+')
  const deadReasons: Record<string, number> = {}
  for (const [, fields] of letters) deadReasons[fields[3] ?? ''] = (deadReasons[fields[3] ?? ''] ?? 0) + 1
  const strangers = [...ends.keys()].filter((id) => !accepted.has(id)).length
  const pending = await redis.xpending('glm_queue', 'glm')
  return {
    accepted: accepted.size,
    ...counts,
    deadReasons,
    twice: [...ends.values()].filter((count) => count > 1).length,
    lost: ids.filter((id) => !ends.has(id)).length,
    unexplained: Math.max(0, strangers - unheard),
    left: (await redis.xlen('glm_queue')) + Number(pending[0]) + (await redis.zcard('glm:retry')),
    unheard,
    refusals,
  }
}

/** mulberry32: small, seeded, good enough to choose victims. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
