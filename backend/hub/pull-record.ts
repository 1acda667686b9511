import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { RepoFile } from './hub.ts'

const recordFile = '.pull.json'

const recordSchema = z.object({
  complete: z.boolean(),
  files: z.array(z.object({ name: z.string(), sizeBytes: z.int(), version: z.string() })),
})
type PullRecord = z.infer<typeof recordSchema>

/** Whether the folder holds a whole model: then it is used without asking the hub. */
export async function isPulled(dir: string): Promise<boolean> {
  const record = await readRecord(dir)
  if (record?.complete !== true) return false
  const present = await Promise.all(
    record.files.map(async ({ name, sizeBytes }) => (await fileSize(dir, name)) === sizeBytes),
  )
  return present.every(Boolean)
}

/**
 * Makes a folder ready for these files: what an earlier pull left of other versions goes, the rest is taken up. From
 * then on everything in the folder is of the versions on record.
 */
export async function preparePull(dir: string, files: readonly RepoFile[]): Promise<void> {
  const before = new Map((await readRecord(dir))?.files.map(({ name, version }) => [name, version]))
  const now = new Map(files.map(({ name, version }) => [name, version]))
  for (const name of new Set([...before.keys(), ...now.keys()])) {
    if (before.get(name) === now.get(name)) continue
    await rm(join(dir, name), { force: true })
    await rm(join(dir, `${name}.part`), { force: true })
  }
  await writeRecord(dir, { complete: false, files: files.map(toRecorded) })
}

export async function markPulled(dir: string, files: readonly RepoFile[]): Promise<void> {
  await writeRecord(dir, { complete: true, files: files.map(toRecorded) })
}

/** Bytes of a file of the folder; null: there is none. */
export async function fileSize(dir: string, name: string): Promise<number | null> {
  const stats = await stat(join(dir, name)).catch(() => null)
  return stats?.size ?? null
}

const toRecorded = ({ name, sizeBytes, version }: RepoFile) => ({ name, sizeBytes, version })

async function readRecord(dir: string): Promise<PullRecord | null> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(join(dir, recordFile), 'utf8')))
  } catch {
    return null // none yet, or cut off by a crash: without a record nothing in the folder counts
  }
}

async function writeRecord(dir: string, record: PullRecord) {
  const path = join(dir, recordFile)
  await writeFile(`${path}.new`, `${JSON.stringify(record, null, 2)}\n`, { flush: true })
  await rename(`${path}.new`, path)
}
