import { execFile } from 'node:child_process'
import { access, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
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

/** The same, converted; made once. */
export async function convertedGlmOcr(root: string, dtype: Dtype): Promise<PreparedModel> {
  const source = await randomGlmOcr(root)
  const dir = `${source}-${dtype}`
  if (!(await exists(join(dir, manifestFile)))) {
    const args = ['convert', '--model', source, '--out', dir, '--dtype', dtype]
    await run(process.execPath, [path('../../bin/glm.js'), ...args])
  }
  const manifest = JSON.parse(await readFile(join(dir, manifestFile), 'utf8'))
  return { dir, dtype, decoderBytes: manifest.graphs.decoder.weightBytes }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
