import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { expect, test } from 'vitest'
import { StaleWatch, withLock } from '../../../backend/hub/lock.ts'
import { temporaryDir } from './pull-setup.ts'

const timings = { beatMs: 10, staleMs: 50 }
const { signal } = new AbortController()

function setUp() {
  const dir = temporaryDir()
  return { path: join(dir, 'locks', 'lock'), counter: join(dir, 'counter') }
}

test('no two holders work at the same time, in one process or several', async () => {
  const { path, counter } = setUp()
  writeFileSync(counter, '0')
  // Reading, pausing and writing back loses counts as soon as two do it at once.
  const script = `
    import { readFileSync, writeFileSync } from 'node:fs'
    const { withLock } = await import(${JSON.stringify(new URL('../../../backend/hub/lock.ts', import.meta.url))})
    const [path, counter] = process.argv.slice(1)
    const { signal } = new AbortController()
    const timings = { beatMs: 2, staleMs: 60_000 }
    const work = async () => {
      const count = Number(readFileSync(counter, 'utf8'))
      await new Promise((resolve) => setTimeout(resolve, 1))
      writeFileSync(counter, String(count + 1))
    }
    await Promise.all(Array.from({ length: 10 }, () => withLock({ path, signal, timings }, work)))`
  const children = Array.from({ length: 3 }, () =>
    spawn(process.execPath, ['--input-type=module', '--eval', script, '--', path, counter], {
      stdio: 'inherit',
    }),
  )
  const codes = await Promise.all(children.map((child) => once(child, 'exit')))
  expect(codes).toEqual(children.map(() => [0, null]))
  expect(readFileSync(counter, 'utf8')).toBe('30')
  expect(existsSync(path)).toBe(false)
})

test('failed work gives the lock back', async () => {
  const { path } = setUp()
  const failing = withLock({ path, signal, timings }, () => Promise.reject(new Error('failed')))
  await expect(failing).rejects.toThrow('failed')
  expect(await withLock({ path, signal, timings }, async () => 'next')).toBe('next')
})

test('the lock of a process that is gone is taken over at once', async () => {
  const { path } = setUp()
  const script = `
    const { withLock } = await import(${JSON.stringify(new URL('../../../backend/hub/lock.ts', import.meta.url))})
    withLock({ path: process.argv[1], signal: new AbortController().signal }, () => process.kill(process.pid, 'SIGKILL'))`
  await once(spawn(process.execPath, ['--input-type=module', '--eval', script, '--', path]), 'exit')
  expect(existsSync(path)).toBe(true)
  const patient = { beatMs: 10, staleMs: Number.POSITIVE_INFINITY }
  expect(await withLock({ path, signal, timings: patient }, async () => 'mine')).toBe('mine')
})

test('a lock of another machine is taken over when nobody touches it any more', async () => {
  const { path } = setUp()
  await withLock({ path, signal, timings }, async () => {
    // From here on the file is the other machine's.
    writeFileSync(path, `elsewhere\nnot-${hostname()}\n1`)
  })
  expect(await withLock({ path, signal, timings }, async () => 'mine')).toBe('mine')
})

test('a lock is stale only after nobody has touched it for the whole time', () => {
  const watch = new StaleWatch(60)
  const holder = { owner: 'one', mtimeMs: 1_000_000 }
  expect([0, 30, 59].map((now) => watch.isStale(holder, now))).toEqual([false, false, false])
  const touched = { ...holder, mtimeMs: 999_000 } // by a clock that was set back
  expect([60, 119].map((now) => watch.isStale(touched, now))).toEqual([false, false])
  expect(watch.isStale({ ...touched, owner: 'two' }, 120)).toBe(false)
  expect(watch.isStale({ ...touched, owner: 'two' }, 180)).toBe(true)
})

test('waiting ends with the signal’s reason', async () => {
  const { path } = setUp()
  const stop = new AbortController()
  const patient = { beatMs: 10, staleMs: 60_000 }
  await withLock({ path, signal, timings: patient }, async () => {
    const waiting = withLock({ path, signal: stop.signal, timings: patient }, async () => 'mine')
    stop.abort(new Error('no longer'))
    await expect(waiting).rejects.toThrow('no longer')
  })
})

test('a holder learns that its lock was taken away, and does not release the other’s', async () => {
  const { path } = setUp()
  const working = withLock({ path, signal, timings }, async (held) => {
    writeFileSync(path, 'another owner')
    await once(held, 'abort')
    throw held.reason
  })
  await expect(working).rejects.toThrow('taken over by another process')
  expect(readFileSync(path, 'utf8')).toBe('another owner')
})
