import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { converterVersion, convertModel } from '../convert/convert-model.ts'
import { modelDigest } from '../convert/model-digest.ts'
import { type Device, type Dtype, readOptionalManifest } from '../model/manifest.ts'
import { withLock } from './lock.ts'
import type { OnProgress } from './progress.ts'

export interface ConversionOptions {
  /** A folder in the hub's layout. */
  readonly modelDir: string
  /** Begins the name of the cached folder, so that people find it. */
  readonly name: string
  readonly cacheDir: string
  readonly dtype: Dtype
  readonly device: Device
  readonly onProgress: OnProgress
  readonly signal: AbortSignal
}

/** Leaves room for the rest of a folder's name, which may have 255 bytes. */
const MAX_NAME = 60

/**
 * The folder that holds the model converted; converts it first when that has not been done yet, once, however many
 * processes ask at the same time.
 * @throws {ModelFolderError} one line naming what is wrong with the model's folder.
 */
export async function cachedConversion(options: ConversionOptions): Promise<string> {
  const { modelDir, name, cacheDir, dtype, device, onProgress, signal } = options
  const key = conversionKey({ source: await modelDigest(modelDir), converterVersion, dtype, device })
  const outDir = join(cacheDir, 'converted', `${name.slice(0, MAX_NAME)}-${dtype}-${key}`)
  if (await isConverted(outDir)) return outDir
  const lock = join(cacheDir, 'locks', `convert-${key}`)
  await withLock({ path: lock, signal }, async (held) => {
    if (await isConverted(outDir)) return
    await convertModel({
      modelDir,
      outDir,
      dtype,
      device,
      signal: held,
      onProgress: ({ done, total }) => onProgress({ stage: 'convert', doneBytes: done, totalBytes: total }),
    })
  })
  return outDir
}

export interface ConversionKey {
  /** Digest of the model's content. */
  readonly source: string
  readonly converterVersion: string
  readonly dtype: Dtype
  readonly device: Device
}

/** Differs whenever a conversion would: another model, converter, precision or device. */
export function conversionKey({ source, converterVersion: version, dtype, device }: ConversionKey): string {
  return createHash('sha256')
    .update(JSON.stringify([source, version, dtype, device]))
    .digest('hex')
    .slice(0, 16)
}

/** A manifest is written last, and the key says of what. One that cannot be read is converted again. */
async function isConverted(dir: string) {
  const manifest = await readOptionalManifest(dir).catch(() => null)
  return manifest !== null
}
