/** What does a second backend bring? `node bench/jobs/scaling.ts`: a backlog, one core and one thread a backend. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { quantile } from '../support/quantile.ts'
import { RedisServer } from '../support/redis-server.ts'
import { tinyPicture } from './tiny-picture.ts'

const ROUNDS = 5
const JOBS = 400
const entry = fileURLToPath(new URL('../../bin/glm.js', import.meta.url))

/** The real program on one core; resolves when its model answers. */
async function startBackend(redisUrl: string, core: number): Promise<ChildProcess> {
  const flags = ['--port', '0', '--redis-url', redisUrl, '--threads', '1', '--max-batch-size', '2']
  const child = spawn('taskset', ['-c', String(core), process.execPath, entry, 'serve', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ready = Promise.withResolvers<void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    if ((JSON.parse(line) as { message: string }).message === 'Ready') ready.resolve()
  })
  await ready.promise
  return child
}

/** Seconds from the moment the backlog is there to its last result. */
async function measure(backends: number): Promise<number> {
  const server = await RedisServer.start(['--appendfsync', 'everysec'])
  const redis = new Redis(server.url)
  const children = await Promise.all(
    Array.from({ length: backends }, (_, core) => startBackend(server.url, core)),
  )
  try {
    const backlog = redis.multi()
    for (let seed = 0; seed < JOBS; seed++) {
      const question = { prompt: 'Hello', max_new_tokens: 100, temperature: 1.9, seed }
      const fields = Object.entries(question).flatMap(([name, value]) => [name, String(value)])
      backlog.xadd('glm_queue', '*', 'image_url', tinyPicture, ...fields)
    }
    const startMs = performance.now()
    await backlog.exec()
    while ((await redis.xlen('glm_results')) < JOBS) await delay(20)
    return (performance.now() - startMs) / 1000
  } finally {
    await Promise.all(
      children.map(async (child) => {
        const exited = once(child, 'exit')
        child.kill('SIGTERM')
        await exited
      }),
    )
    redis.disconnect()
    await server.close()
  }
}

console.log(`${JOBS} jobs, ${ROUNDS} interleaved rounds, ${cpus().length} × ${cpus()[0]?.model}`)
const rounds: { one: number; two: number }[] = []
for (let round = 0; round < ROUNDS; round++) {
  const [one, two] = [await measure(1), await measure(2)]
  rounds.push({ one, two })
  console.log(`one ${one.toFixed(1)} s   two ${two.toFixed(1)} s   ${(one / two).toFixed(2)}×`)
}
const median = (values: readonly number[]) => quantile(values, 0.5)
const one = median(rounds.map((round) => round.one))
const two = median(rounds.map((round) => round.two))
console.log(`median one ${one.toFixed(1)} s   two ${two.toFixed(1)} s   ${(one / two).toFixed(2)}×`)
