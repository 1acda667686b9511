import { stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { converterVersion } from '../convert/convert-model.ts'
import { type Device, type Dtype, type Manifest, readOptionalManifest } from '../model/manifest.ts'
import { ModelFolderError } from '../model/model-folder-error.ts'
import { configFiles } from '../model/read-model-config.ts'
import { autoDtype } from './auto-dtype.ts'
import { cachedConversion } from './conversion-cache.ts'
import { type PullOptions, pullModel } from './pull-model.ts'
import { isRepoName } from './repo-name.ts'

export interface ResolveOptions extends Omit<PullOptions, 'repo'> {
  /** Folder or hub name; null: the model that ships. */
  readonly modelPath: string | null
  readonly dtype: Dtype | 'auto'
  readonly device: Device
}

export interface ResolvedModel {
  /** A converted folder. */
  readonly dir: string
  /** What the model is called: the last part of its folder or hub name. */
  readonly name: string
}

const shippedModel = fileURLToPath(new URL('../../models/glm4v-tiny', import.meta.url))

/**
 * Finds the model to serve and makes it ready: pulled if it is a hub name, converted if it is not yet, both once. What
 * is in the cache is found there without a network.
 * @throws {HubError | ModelFolderError} one line that says what to do; the signal's reason when aborted.
 */
export async function resolveModel(options: ResolveOptions): Promise<ResolvedModel> {
  const { modelPath, device, cacheDir, onProgress, signal } = options
  const modelDir = await findFolder(modelPath, options)
  const name = basename(modelDir)
  const manifest = await readOptionalManifest(modelDir)
  if (manifest !== null) {
    assertFits(modelDir, manifest, options)
    return { dir: modelDir, name }
  }
  if (!(await isFile(resolve(modelDir, configFiles.config)))) {
    throw new ModelFolderError(
      modelDir,
      'holds no model: neither a converted one (manifest.json) nor one as the hub has it (config.json)',
    )
  }
  const dtype = options.dtype === 'auto' ? autoDtype[device] : options.dtype
  return {
    dir: await cachedConversion({ modelDir, name, cacheDir, dtype, device, onProgress, signal }),
    name,
  }
}

/** A folder wins over a hub's model of the same name. */
async function findFolder(modelPath: string | null, options: ResolveOptions) {
  if (modelPath === null) return shippedModel
  const stats = await stat(modelPath).catch(() => null)
  if (stats?.isDirectory() === true) return resolve(modelPath)
  if (stats !== null) throw new ModelFolderError(modelPath, 'is a file, not a model folder')
  if (isRepoName(modelPath)) return pullModel({ ...options, repo: modelPath })
  throw new ModelFolderError(
    modelPath,
    'there is no such folder, and it is no hub name such as zai-org/GLM-4.6V-Flash',
  )
}

/** A converted folder cannot become another conversion; what it was made from is not there. */
function assertFits(dir: string, manifest: Manifest, { dtype, device }: ResolveOptions) {
  const again = 'convert the model again'
  if (manifest.converterVersion !== converterVersion) {
    throw new ModelFolderError(
      dir,
      `was converted by version ${manifest.converterVersion} of the converter, this program reads version ${converterVersion}: ${again}`,
    )
  }
  if (manifest.device !== device) {
    throw new ModelFolderError(dir, `was converted for ${manifest.device}, not for ${device}: ${again}`)
  }
  if (dtype !== 'auto' && manifest.dtype !== dtype) {
    throw new ModelFolderError(dir, `was converted to ${manifest.dtype}, not to ${dtype}: ${again}`)
  }
}

async function isFile(path: string) {
  const stats = await stat(path).catch(() => null)
  return stats?.isFile() === true
}
