import type { Redis } from 'ioredis'
import type { JobLog } from './job-log.ts'

/** Scripts that read the clock and then write need it; XAUTOCLAIM forgets deleted entries since. */
const MIN_MAJOR_VERSION = 7

/** Warns of settings with which an acknowledged job could be lost. docs/reliability.md says why. */
export async function checkPersistence(redis: Redis, log: JobLog): Promise<void> {
  try {
    const info = await redis.info('server', 'persistence')
    const version = /redis_version:(\d+)/.exec(info)?.[1] ?? '0'
    if (Number(version) < MIN_MAJOR_VERSION)
      log.error({ redis_version: version }, 'Jobs need Redis 7.0 or newer')
    if (!info.includes('aof_enabled:1')) {
      log.warn({}, 'Redis keeps no append-only file: jobs are lost when it restarts (appendonly yes)')
    }
    const memory = await redis.info('memory')
    if (!memory.includes('maxmemory_policy:noeviction')) {
      log.warn({}, 'Redis may evict jobs when its memory is full (maxmemory-policy noeviction)')
    }
  } catch {
    // It went away again, or its owner forbids INFO: the jobs themselves will tell.
  }
}
