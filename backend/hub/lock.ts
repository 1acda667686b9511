import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, readlink, rename, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { performance } from 'node:perf_hooks'
import { kill, pid } from 'node:process'
import { HubError } from './hub-error.ts'
import { pause } from './retry.ts'
import { isSystemError } from './system-error.ts'

export interface LockTimings {
  /** How often the holder shows that it lives, and a waiter looks. */
  readonly beatMs: number
  /** A holder on another machine that has not shown itself for so long is dead. */
  readonly staleMs: number
}

// A conversion may keep the event loop busy for seconds; a minute of silence is no tensor's doing.
export const lockTimings: LockTimings = { beatMs: 1000, staleMs: 60_000 }

export interface LockOptions {
  readonly path: string
  readonly signal: AbortSignal
  readonly timings?: LockTimings
}

/**
 * Runs `work` while no other process runs its own under the same path. A dead holder's lock is taken over: at once when
 * its process is known to be gone, else when the file stays untouched for `staleMs` on the waiter's own clock. `work`
 * gets a signal that also fires when its lock was taken away, as happens to a process that slept.
 */
export async function withLock<T>(
  { path, signal, timings = lockTimings }: LockOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const owner = `${randomUUID()}\n${await machine()}\n${pid}`
  await mkdir(dirname(path), { recursive: true })
  await acquire(path, owner, timings, signal)
  const lost = new AbortController()
  const beat = setInterval(() => {
    showLife(path, owner).catch(() => lost.abort(new HubError(`${path} was taken over by another process`)))
  }, timings.beatMs)
  try {
    return await work(AbortSignal.any([signal, lost.signal]))
  } finally {
    clearInterval(beat)
    if ((await readOwner(path)) === owner) await rm(path, { force: true })
  }
}

async function acquire(path: string, owner: string, { beatMs, staleMs }: LockTimings, signal: AbortSignal) {
  const watch = new StaleWatch(staleMs)
  while (!(await create(path, owner))) {
    signal.throwIfAborted()
    const holder = await look(path)
    if (holder === null) continue // released between two looks
    if (watch.isStale(holder, performance.now()) || (await isKnownDead(holder.owner)))
      await takeAway(path, holder)
    else await pause(beatMs, signal)
  }
}

export interface Sighting {
  readonly owner: string
  readonly mtimeMs: number
}

/**
 * Tells a silent holder from a living one by whether anything changes between looks. The file's time is only compared
 * with itself: the clocks of two machines need not agree.
 */
export class StaleWatch {
  readonly #staleMs: number
  #last: Sighting | null = null
  #sinceMs = 0

  constructor(staleMs: number) {
    this.#staleMs = staleMs
  }

  isStale(seen: Sighting, nowMs: number): boolean {
    if (this.#last?.owner !== seen.owner || this.#last.mtimeMs !== seen.mtimeMs) {
      this.#last = seen
      this.#sinceMs = nowMs
    }
    return nowMs - this.#sinceMs >= this.#staleMs
  }
}

async function look(path: string): Promise<Sighting | null> {
  const owner = await readOwner(path)
  const stats = await stat(path).catch(() => null)
  return owner === null || stats === null ? null : { owner, mtimeMs: stats.mtimeMs }
}

/** Only one process can create the file; whoever does holds the lock. */
async function create(path: string, owner: string) {
  try {
    const handle = await open(path, 'wx')
    try {
      await handle.writeFile(owner)
    } finally {
      await handle.close()
    }
    return true
  } catch (error) {
    if (isSystemError(error) && error.code === 'EEXIST') return false
    throw error
  }
}

/** Of several waiters one gets to move the file; if it moved a living holder's, it puts it back. */
async function takeAway(path: string, dead: Sighting) {
  const aside = `${path}.${randomUUID()}`
  try {
    await rename(path, aside)
  } catch {
    return // another waiter was faster
  }
  if ((await readOwner(aside)) !== dead.owner) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
}

async function showLife(path: string, owner: string) {
  if ((await readOwner(path)) !== owner) throw new Error('the lock has another owner')
  const now = new Date()
  await utimes(path, now, now)
}

async function readOwner(path: string) {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return null
    throw error
  }
}

/** Where a process id means the same process: the host, and within it the container. */
async function machine() {
  return `${hostname()} ${await readlink('/proc/self/ns/pid').catch(() => '')}`
}

async function isKnownDead(owner: string) {
  const [, where, id] = owner.split('\n')
  if (where !== (await machine())) return false
  try {
    kill(Number(id), 0)
    return false
  } catch (error) {
    return isSystemError(error) && error.code === 'ESRCH'
  }
}
