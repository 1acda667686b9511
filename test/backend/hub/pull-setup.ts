import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { HubName } from '../../../backend/hub/hub.ts'
import type { PullOptions } from '../../../backend/hub/pull-model.ts'
import type { NetworkLimits } from '../../../backend/hub/retry.ts'
import { StandInHub } from './stand-in-hub.ts'

export const repos = {
  huggingface: 'zai-org/GLM-Stand-In',
  modelscope: 'ZhipuAI/GLM-Stand-In',
} as const satisfies Record<HubName, string>

export const noTokens = { huggingface: null, modelscope: null }

/** Retries at once, and few. */
const fastLimits: NetworkLimits = {
  connectTimeoutMs: 20_000,
  stallTimeoutMs: 20_000,
  attempts: 3,
  backoffMs: 1,
}

export function fixtureDir(name: string) {
  return fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url))
}

/** The files of a model folder, without the recorded outputs beside them. */
export function readModelFiles(dir: string): Map<string, Uint8Array> {
  const files = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(files.map(({ name }) => [name, readFileSync(join(dir, name))]))
}

/** What tells contents apart, by name; without the pull's own record. */
export function digests(files: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  const contents = [...files].filter(([name]) => name !== '.pull.json')
  const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
  return Object.fromEntries(contents.map(([name, bytes]) => [name, digest(bytes)]))
}

/** A folder that goes when the test ends. */
export function temporaryDir() {
  const dir = mkdtempSync(join(tmpdir(), 'glm-hub-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** A stand-in with a three-shard model that stops when the test ends, and what a pull from it takes. */
export async function setUpPull(kind: HubName, token?: string) {
  const files = readModelFiles(fixtureDir('glm4v-random'))
  const repo = repos[kind]
  const hub = await StandInHub.start(kind, { repo, files, ...(token === undefined ? {} : { token }) })
  onTestFinished(() => hub.close())
  const options: PullOptions = {
    repo,
    source: 'auto',
    hubUrl: hub.url,
    cacheDir: temporaryDir(),
    tokens: noTokens,
    onProgress: () => {},
    signal: new AbortController().signal,
    limits: fastLimits,
  }
  return { hub, files, options }
}
