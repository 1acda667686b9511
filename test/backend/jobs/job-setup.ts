import type { Redis } from 'ioredis'
import { afterEach } from 'vitest'
import { JobConsumer, type JobConsumerOptions } from '../../../backend/jobs/job-consumer.ts'
import type { JobLog } from '../../../backend/jobs/job-log.ts'
import { JobQueue, type JobQueueLimits } from '../../../backend/jobs/job-queue.ts'
import { Jobs } from '../../../backend/jobs/jobs.ts'
import { connectRedis } from '../../../backend/jobs/redis-link.ts'
import { ResultsTail } from '../../../backend/jobs/results-tail.ts'
import { ScriptRunner } from '../../../backend/jobs/script-runner.ts'

const silent: JobLog = { info: () => {}, warn: () => {}, error: () => {} }

const limits: JobQueueLimits = { maxJobs: 1000, resultTtlMs: 3_600_000, maxAgeMs: 3_600_000, leaseMs: 1000 }

const cleanUps: (() => Promise<unknown> | unknown)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

export const atEnd = (cleanUp: () => Promise<unknown> | unknown) => cleanUps.push(cleanUp)

/** A connection of the product's own kind, ready. */
export async function link(url: string, blockMs = 0): Promise<Redis> {
  const redis = connectRedis(url, 'test', blockMs, silent)
  atEnd(() => redis.disconnect())
  await new Promise<void>((resolve) => redis.once('ready', () => resolve()))
  return redis
}

export async function openQueue(url: string, change: Partial<JobQueueLimits> = {}) {
  const redis = await link(url)
  const queue = new JobQueue(redis, new ScriptRunner(redis), { ...limits, ...change })
  await queue.ensureGroup()
  return { redis, queue }
}

export async function openJobs(url: string, change: Partial<JobQueueLimits> = {}) {
  const { queue, redis } = await openQueue(url, change)
  const jobs = new Jobs(queue, new ResultsTail(await link(url, 1000)))
  atEnd(() => jobs.close())
  return { jobs, queue, redis }
}

/** A backend's half of the queue, with `run` in place of the model. */
export async function startConsumer(
  url: string,
  options: Pick<JobConsumerOptions, 'run'> & Partial<JobConsumerOptions>,
): Promise<JobConsumer> {
  const { queue } = await openQueue(url)
  const consumer: JobConsumer = new JobConsumer({
    queue,
    blocking: await link(url, 500),
    consumer: crypto.randomUUID(),
    room: () => 4 - consumer.running,
    maxTries: 3,
    leaseMs: 1000,
    random: () => 0.999, // the shortest delays
    log: silent,
    ...options,
  })
  atEnd(() => consumer.close())
  return consumer
}

/** Resolves with the first value that is not null, asked again and again. */
export async function eventually<T>(ask: () => Promise<T | null>): Promise<T> {
  for (;;) {
    const value = await ask()
    if (value !== null) return value
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
