import { execFile } from 'node:child_process'
import { access, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { converterVersion } from '../../backend/convert/convert-model.ts'
import { type Dtype, manifestFile } from '../../backend/model/manifest.ts'

const run = promisify(execFile)
const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

export interface PreparedModel {
  readonly dir: string
  readonly dtype: Dtype
  /** Bytes of weights that a decode step reads. */
  readonly decoderBytes: number
}

/** Random weights in GLM-OCR's shapes, as the hub would publish them (2 GB); made once. */
export async function randomGlmOcr(root: string): Promise<string> {
  const dir = join(root, 'glm-ocr')
  await mkdir(root, { recursive: true })
  if (await exists(join(dir, 'model.safetensors.index.json'))) return dir
  await run(process.execPath, [path('../random-model.ts'), '--architecture', 'glm_ocr', '--out', dir])
  return dir
}

/** The same, converted; made once, and again when the converter has changed. */
export async function convertedGlmOcr(root: string, dtype: Dtype): Promise<PreparedModel> {
  const source = await randomGlmOcr(root)
  const dir = `${source}-${dtype}`
  const manifest = await readFile(join(dir, manifestFile), 'utf8').then(JSON.parse, () => null)
  if (manifest?.converterVersion !== converterVersion) {
    await rm(dir, { recursive: true, force: true })
    const args = ['convert', '--model', source, '--out', dir, '--dtype', dtype]
    await run(process.execPath, [path('../../bin/glm.js'), ...args])
  }
  const { graphs } = JSON.parse(await readFile(join(dir, manifestFile), 'utf8'))
  return { dir, dtype, decoderBytes: graphs.decoder.weightBytes }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
