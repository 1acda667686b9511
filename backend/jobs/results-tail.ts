import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { toEntries } from './job-queue.ts'
import { valuesOf } from './job-record.ts'
import { queueKeys } from './queue-keys.ts'

const PAGE = 100
const PAUSE_AFTER_FAILURE_MS = 500
/** How long one blocking read waits. */
export const TAIL_BLOCK_MS = 1000

/** Tells who waits here when a job ends, wherever it ran: follows the results for as long as anybody waits. */
export class ResultsTail {
  readonly #redis: Redis
  readonly #waiting = new Map<string, Set<() => void>>()
  readonly #closing = new AbortController()
  #following: Promise<void> = Promise.resolve()
  #position: Promise<string> | null = null

  /** @param redis for the blocking read alone. */
  constructor(redis: Redis) {
    this.#redis = redis
  }

  /**
   * Listens for a job's end. `ended` resolves then; ends from before this resolves must be looked up. Call `leave` in
   * any case.
   * @throws {Error} Redis did not answer.
   */
  async listen(id: string): Promise<{ ended: Promise<void>; leave: () => void }> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting = this.#waiting.get(id) ?? new Set()
    this.#waiting.set(id, waiting.add(resolve))
    const leave = () => {
      waiting.delete(resolve)
      if (waiting.size === 0) this.#waiting.delete(id)
    }
    try {
      await this.#follow()
    } catch (error) {
      leave()
      throw error
    }
    return { ended: promise, leave }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    for (const waiting of this.#waiting.values()) for (const resolve of waiting) resolve()
    this.#redis.disconnect()
    await this.#following
  }

  /** Resolves once the results are followed from some moment at or before now. */
  async #follow(): Promise<void> {
    if (this.#position === null) {
      this.#position = this.#lastId()
      this.#following = this.#position.then((from) => this.#run(from)).catch(() => {}) // told to who listens
    }
    try {
      await this.#position
    } catch (error) {
      this.#position = null
      throw error
    }
  }

  async #lastId(): Promise<string> {
    const [last] = await this.#redis.xrevrange(queueKeys.results, '+', '-', 'COUNT', 1)
    return last?.[0] ?? '0-0'
  }

  async #run(from: string): Promise<void> {
    let position = from
    while (this.#waiting.size > 0 && !this.#closing.signal.aborted) {
      try {
        const reply = await this.#redis.xread(
          'COUNT',
          PAGE,
          'BLOCK',
          TAIL_BLOCK_MS,
          'STREAMS',
          queueKeys.results,
          position,
        )
        const [stream] = (reply ?? []) as [string, unknown][]
        for (const entry of stream === undefined ? [] : toEntries(stream[1])) {
          position = entry.id
          for (const resolve of this.#waiting.get(valuesOf(entry, 'job')[0] ?? '') ?? []) resolve()
        }
      } catch {
        // Redis is away: nothing is missed, since the position outlives the connection.
        await delay(PAUSE_AFTER_FAILURE_MS, undefined, { signal: this.#closing.signal }).catch(() => {})
      }
    }
    this.#position = null
  }
}
