import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { manifestFile } from '../model/manifest.ts'
import { ModelFolderError } from '../model/model-folder-error.ts'

/** A staging folder nobody has written to for this long belongs to no one: writers make progress every second. */
const abandonedAfterMs = 60 * 60 * 1000

/**
 * Lets `fill` write a folder beside `target` and puts it in place only when it is whole: whatever fails, `target`
 * is what it was before and nothing else remains. An earlier conversion at `target` is replaced; anything else there
 * is refused. Folders left behind by processes that died are removed first.
 * @throws ModelFolderError
 */
export async function writeStagedFolder<T>(target: string, fill: (dir: string) => Promise<T>): Promise<T> {
  const path = resolve(target)
  await mkdir(dirname(path), { recursive: true })
  await assertReplaceable(path)
  await removeAbandoned(path)
  const staging = `${stagingPrefix(path)}${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`
  try {
    await mkdir(staging)
    const result = await fill(staging)
    await moveIntoPlace(staging, path)
    return result
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

function stagingPrefix(path: string) {
  return join(dirname(path), `.${basename(path)}.partial-`)
}

async function assertReplaceable(path: string) {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return []
    throw new ModelFolderError(path, 'is not a folder', { cause: error })
  })
  if (names.length > 0 && !names.includes(manifestFile)) {
    throw new ModelFolderError(path, 'is not empty and holds no converted model; choose another folder')
  }
}

/** A folder cannot be renamed onto one that has files, so an earlier conversion steps aside first. */
async function moveIntoPlace(staging: string, path: string) {
  const earlier = `${staging}-earlier`
  const replaces = await rename(path, earlier).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
  try {
    await rename(staging, path)
  } catch (error) {
    if (replaces) await rename(earlier, path)
    throw error
  }
  await rm(earlier, { recursive: true, force: true })
}

async function removeAbandoned(path: string) {
  const prefix = basename(stagingPrefix(path))
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix)) continue
    const folder = join(dirname(path), name)
    if (await isAbandoned(folder, name.slice(prefix.length)))
      await rm(folder, { recursive: true, force: true })
  }
}

/** `owner` is HOST-PID-RANDOM. Process ids mean nothing on another host: there, and where one was reused, age decides. */
async function isAbandoned(folder: string, owner: string) {
  const [, host, pid] = /^(.*)-(\d+)-[0-9a-f]+/.exec(owner) ?? []
  const here = host === hostname()
  if (here && !isRunning(Number(pid))) return true
  const lastWrite = await lastWriteMs(folder)
  // A container that restarts gets its name and its process id back.
  const startedMs = Date.now() - process.uptime() * 1000
  if (here && Number(pid) === process.pid && lastWrite < startedMs) return true
  return Date.now() - lastWrite > abandonedAfterMs
}

function isRunning(pid: number) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

async function lastWriteMs(folder: string) {
  const names = await readdir(folder).catch(() => []) // its owner may just have finished
  const times = [folder, ...names.map((name) => join(folder, name))].map(async (path) => {
    const stats = await stat(path).catch(() => null)
    return stats?.mtimeMs ?? 0
  })
  return Math.max(...(await Promise.all(times)))
}
