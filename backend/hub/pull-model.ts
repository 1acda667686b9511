import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelFolderError } from '../model/model-folder-error.ts'
import { readModelConfig } from '../model/read-model-config.ts'
import { createHub } from './create-hub.ts'
import { explainFailure } from './explain-failure.ts'
import type { Hub, HubName } from './hub.ts'
import { createHubClient, type HubClient } from './hub-client.ts'
import { HubError } from './hub-error.ts'
import { withLock } from './lock.ts'
import type { OnProgress } from './progress.ts'
import { assertRoom, type PullFilesOptions, pullFiles } from './pull-files.ts'
import { isPulled, markPulled, preparePull } from './pull-record.ts'
import { hubNameOf, parseRepoName, type Source } from './repo-name.ts'
import { type NetworkLimits, networkLimits, withRetries } from './retry.ts'
import { isWeights, pickWantedFiles } from './wanted-files.ts'

export interface PullOptions {
  /** `organisation/name`. */
  readonly repo: string
  readonly source: Source
  /** Address of a mirror; null: the hub's own. */
  readonly hubUrl: string | null
  readonly cacheDir: string
  readonly tokens: HubTokens
  readonly onProgress: OnProgress
  readonly signal: AbortSignal
  readonly limits?: NetworkLimits
}

/** What opens private models, by hub; null: none. */
export type HubTokens = Readonly<Record<HubName, string | null>>

/** The tokens where the hubs' own tools look for them. */
export function hubTokens(env: Readonly<Record<string, string | undefined>>): HubTokens {
  return { huggingface: env['HF_TOKEN'] || null, modelscope: env['MODELSCOPE_API_TOKEN'] || null }
}

/**
 * Downloads what a conversion reads of a model and returns the folder, in the cache, that holds it. A whole model is
 * returned without asking the hub; an interrupted pull goes on where it stopped; of two processes one downloads.
 * @throws {HubError} one line that says what to do; the signal's reason when aborted.
 */
export async function pullModel(options: PullOptions): Promise<string> {
  const { repo, cacheDir, signal, limits = networkLimits } = options
  const { organisation, name } = parseRepoName(repo)
  const hubName = hubNameOf(repo, options.source)
  const hub = createHub(hubName, options.hubUrl)
  const dir = join(cacheDir, 'hub', hubName, organisation, name)
  if (await isPulled(dir)) return dir
  const token = options.tokens[hubName]
  const lock = join(cacheDir, 'locks', `pull-${hubName}-${organisation}-${name}`)
  try {
    await withLock({ path: lock, signal }, async (held) => {
      if (await isPulled(dir)) return
      const credentials = token === null ? {} : hub.authorize(token)
      const client = createHubClient({ hubUrl: hub.url, credentials, limits, signal: held })
      try {
        await pull({ repo, hub, client, dir, limits, signal: held, onProgress: options.onProgress })
      } finally {
        await client.close()
      }
    })
    return dir
  } catch (error) {
    signal.throwIfAborted()
    throw explainFailure(error, hub, repo, token !== null)
  }
}

interface Pull {
  readonly repo: string
  readonly hub: Hub
  readonly client: HubClient
  readonly dir: string
  readonly limits: NetworkLimits
  readonly signal: AbortSignal
  readonly onProgress: OnProgress
}

async function pull({ repo, hub, client, dir, limits, signal, onProgress }: Pull) {
  const listed = await withRetries(limits, signal, () => hub.list(repo, client.api))
  const files = pickWantedFiles(repo, listed)
  await mkdir(dir, { recursive: true })
  await preparePull(dir, files)
  await assertRoom(dir, files)
  const totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const arrived = new Map<string, number>()
  let doneBytes = 0
  const onBytes = (name: string, bytes: number) => {
    doneBytes += bytes - (arrived.get(name) ?? 0)
    arrived.set(name, bytes)
    onProgress({ stage: 'pull', doneBytes, totalBytes })
  }
  const options: PullFilesOptions = { dir, fetch: client.file, limits, signal, onBytes }
  await pullFiles(
    files.filter(({ name }) => !isWeights(name)),
    options,
  )
  await assertSupported(repo, dir)
  await pullFiles(
    files.filter(({ name }) => isWeights(name)),
    options,
  )
  await markPulled(dir, files)
}

/** Whether it is a model of a kind that runs here, asked before gigabytes of weights arrive. */
async function assertSupported(repo: string, dir: string) {
  try {
    await readModelConfig(dir)
  } catch (error) {
    if (!(error instanceof ModelFolderError)) throw error
    throw new HubError(`${repo} is not a model this program can run: ${error.message}`, { cause: error })
  }
}
