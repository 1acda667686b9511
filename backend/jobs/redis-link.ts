import { Redis } from 'ioredis'
import { ApiError } from '../../shared/errors.ts'
import type { JobLog } from './job-log.ts'

/** Every command's life, sent or waiting. A healthy Redis answers in well under a millisecond. */
const COMMAND_TIMEOUT_MS = 3000
const CONNECT_TIMEOUT_MS = 3000
const MAX_RECONNECT_DELAY_MS = 2000
/** Redis reads a backlog of this many bytes at most before it cuts us off; jobs hold pictures. */
const RETRY_AFTER_S = 2

/** A connection that mends itself. Commands fail at once while it is down: nobody waits in a queue nobody bounds. */
export function connectRedis(url: string, name: string, blockMs: number, log: JobLog): Redis {
  const redis = new Redis(url, {
    connectionName: name,
    commandTimeout: COMMAND_TIMEOUT_MS + blockMs,
    connectTimeout: CONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) =>
      Math.min(50 * 2 ** Math.min(times, 10), MAX_RECONNECT_DELAY_MS) * (0.5 + Math.random() / 2),
    // After a failover the old primary answers READONLY: the name may lead to the new one by now.
    reconnectOnError: ({ message }) => message.startsWith('READONLY'),
  })
  let lastProblem = ''
  redis.on('error', (error: Error) => {
    if (error.message !== lastProblem)
      log.warn({ connection: name, problem: error.message }, 'Redis is out of reach')
    lastProblem = error.message
  })
  redis.on('ready', () => {
    if (lastProblem !== '') log.info({ connection: name }, 'Redis is back')
    lastProblem = ''
  })
  return redis
}

/** Whether a failed command says that Redis is full rather than away. */
export const isOutOfMemory = (error: unknown) => error instanceof Error && error.message.startsWith('OOM ')

/** What a caller hears while Redis cannot be asked. */
export function queueUnavailable(cause: unknown): ApiError {
  if (isOutOfMemory(cause)) {
    return new ApiError('queue_full', "the job queue's memory is full", { retryAfterS: 10, cause })
  }
  return new ApiError('not_ready', 'the job queue cannot be reached; nothing was accepted', {
    retryAfterS: RETRY_AFTER_S,
    cause,
  })
}

/** A command that got no answer in time leaves a connection whose next answers cannot be trusted to come. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message.includes('timed out')
}
