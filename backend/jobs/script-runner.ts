import type { Redis } from 'ioredis'
import { loadScripts, type ScriptName } from './load-scripts.ts'
import { queueKeys } from './queue-keys.ts'
import { isTimeout } from './redis-link.ts'

/** Runs the queue's scripts and commands on one connection. */
export class ScriptRunner {
  readonly #redis: Redis
  readonly #scripts = loadScripts()

  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** @throws {Error} Redis did not answer. */
  run(name: ScriptName, args: readonly (string | number)[]): Promise<unknown> {
    const { sha1, source } = this.#scripts[name]
    const keys = Object.values(queueKeys)
    return this.do(async (redis) => {
      try {
        return await redis.evalsha(sha1, keys.length, ...keys, ...args)
      } catch (error) {
        // A Redis that was restarted has forgotten its scripts.
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
        return redis.eval(source, keys.length, ...keys, ...args)
      }
    })
  }

  /** @throws {Error} Redis did not answer. */
  async do<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      return await command(this.#redis)
    } catch (error) {
      // What got no answer in time sits on a connection that may never answer again: the next one is fresh.
      if (isTimeout(error)) this.#redis.disconnect(true)
      throw error
    }
  }
}
