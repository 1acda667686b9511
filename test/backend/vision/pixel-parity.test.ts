import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import type { PreprocessorConfig } from '../../../backend/model/model-config.ts'
import { readModelConfig } from '../../../backend/model/read-model-config.ts'
import { PatchPool } from '../../../backend/vision/patch-pool.ts'
import { planPictures, readPicture } from '../../../backend/vision/picture.ts'
import { readTestTensors } from '../../support/read-safetensors.ts'

interface Case {
  readonly images: readonly string[]
  readonly tensors: string
}

const limits = { maxBytes: 10_000_000, maxPixels: 50_000_000 }
const pool = new PatchPool({ threads: 1, maxQueue: 8, maxPixels: limits.maxPixels, timeoutMs: 20_000 })
afterAll(() => pool.close())

for (const fixture of ['glm4v-random', 'glm-ocr-random']) {
  const folder = fileURLToPath(new URL(`../../fixtures/${fixture}/`, import.meta.url))
  const cases: readonly Case[] = JSON.parse(readFileSync(`${folder}expected/index.json`, 'utf8'))

  describe(`${fixture}, as the reference preprocessed it`, () => {
    for (const { images, tensors } of cases) {
      if (images.length === 0) continue
      test(`${images.join(' and ')} become the same patches`, async () => {
        const { preprocessor } = await readModelConfig(folder)
        const recorded = readTestTensors(`${folder}expected/${tensors}`)
        const ours = await preprocess(
          images.map((name) => readFileSync(`${folder}expected/${name}`)),
          preprocessor,
        )

        expect(ours.grids.flat()).toEqual(recorded.get('image_grid_thw')?.data)
        const expected = recorded.get('pixel_values')?.data ?? []
        const difference = mostLevelsApart(ours.pixels, expected, preprocessor)
        expect(difference).toBeLessThan(0.001)
      })
    }
  })
}

async function preprocess(files: readonly Uint8Array[], preprocessor: PreprocessorConfig) {
  const pictures = files.map((bytes) => readPicture(bytes, limits, 'image'))
  const plans = planPictures(pictures, preprocessor, Number.MAX_SAFE_INTEGER)
  const grids: number[][] = []
  const pixels: number[] = []
  for (const [i, picture] of pictures.entries()) {
    const plan = plans[i]
    if (plan === undefined) throw new Error('a plan is missing')
    const patches = await pool.prepare(picture, plan, preprocessor, new AbortController().signal)
    expect(patches.grid).toEqual(plan.grid)
    grids.push([1, patches.grid.height, patches.grid.width])
    for (const value of patches.pixels) pixels.push(value)
  }
  return { grids, pixels }
}

/**
 * The largest difference, in 8-bit levels with the normalisation undone. Only the first patches of large pictures are
 * recorded. JPEG agrees as well as PNG: the reference's decoder and libvips' are both libjpeg-turbo.
 */
function mostLevelsApart(
  ours: readonly number[],
  expected: ArrayLike<number>,
  preprocessor: PreprocessorConfig,
) {
  const { patchSize, temporalPatchSize, std } = preprocessor
  expect(expected.length).toBeGreaterThan(0)
  expect(ours.length).toBeGreaterThanOrEqual(expected.length)
  let most = 0
  for (let i = 0; i < expected.length; i++) {
    const channel = Math.floor(i / (temporalPatchSize * patchSize ** 2)) % 3
    most = Math.max(most, Math.abs((ours[i] ?? 0) - (expected[i] ?? 0)) * (std[channel] ?? 0) * 255)
  }
  return most
}
