import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { converterVersion, convertModel } from '../../../backend/convert/convert-model.ts'
import type { Device, Dtype } from '../../../backend/model/manifest.ts'

/** The version that wrote the files below. Raise `converterVersion` when one of them changes, then record all anew. */
const recordedVersion = '5'

/** SHA-256, its beginning, of the graphs and weights that a fixture converts to. */
const recorded: readonly [fixture: string, Dtype, Device, digest: string][] = [
  ['glm-ocr-random', 'int8', 'cpu', '5539ff870a45067e'],
  ['glm-ocr-random', 'int4', 'cpu', '85a869696b1c2dde'],
  ['glm-ocr-random', 'fp32', 'webgpu', '874be19c7924ef65'],
  ['glm-ocr-random', 'fp16', 'cuda', '3c5171297833ccbe'],
  ['glm4v-random', 'int8', 'cpu', '8212d702d24c15ff'],
  ['glm4v-random', 'int4', 'cpu', 'f673b4e3398a42b8'],
  ['glm4v-random', 'int4', 'webgpu', 'dbbfb08d394de5b8'],
  ['glm4v-random', 'int4', 'cuda', 'da3438112258045b'],
]

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'glm-version-'))
})
afterAll(() => rm(root, { recursive: true }))

test('the record is of this version of the converter', () => {
  expect(converterVersion).toBe(recordedVersion)
})

test.each(recorded)('%s in %s for %s converts to other files only in another version', async (...one) => {
  const [fixture, dtype, device, digest] = one
  const modelDir = join(import.meta.dirname, '../../fixtures', fixture)
  const outDir = join(root, [fixture, dtype, device].join('-'))
  await convertModel({ modelDir, outDir, dtype, device })
  expect(await digestOf(outDir)).toBe(digest)
})

async function digestOf(dir: string): Promise<string> {
  const hash = createHash('sha256')
  const names = (await readdir(dir)).filter((name) => /\.(onnx|weights)$/.test(name))
  for (const name of names.sort()) hash.update(`${name}\n`).update(await readFile(join(dir, name)))
  return hash.digest('hex').slice(0, 16)
}
