import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { PreprocessorConfig } from '../../../backend/model/model-config.ts'
import { digestOf, type Picture, planPictures, readPicture } from '../../../backend/vision/picture.ts'

const bytes = readFileSync(new URL('../../fixtures/glm4v-random/expected/case0_0.png', import.meta.url))
const limits = { maxBytes: 1_000_000, maxPixels: 1_000_000 }
const preprocessor: PreprocessorConfig = {
  patchSize: 14,
  temporalPatchSize: 2,
  mergeSize: 2,
  minPixels: 12_544,
  maxPixels: 9_633_792,
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
}

test('a picture is known by its header: format, size, plan', () => {
  const picture = readPicture(bytes, limits, 'image')
  expect(picture).toMatchObject({
    header: { format: 'png' },
    size: { width: 224, height: 224 },
    param: 'image',
  })
  expect(planPictures([picture], preprocessor, 1536)).toEqual([
    { size: { width: 224, height: 224 }, grid: { width: 16, height: 16 }, tokens: 64 },
  ])
})

test.each([
  ['too many bytes', bytes, { ...limits, maxBytes: bytes.length - 1 }, 'image_too_large', 413],
  ['too many pixels', bytes, { ...limits, maxPixels: 224 * 224 - 1 }, 'image_too_large', 413],
  ['a pixel bomb', bomb(), limits, 'image_too_large', 413],
  ['nothing', new Uint8Array(), limits, 'invalid_image', 400],
  ['a header cut off', bytes.subarray(0, 20), limits, 'invalid_image', 400],
  ['HTML', Buffer.from('<!doctype html>'), limits, 'invalid_image', 400],
  ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), limits, 'invalid_image', 400],
])('%s is the caller’s mistake, with the field named', (_what, file, within, code, status) => {
  expect(() => readPicture(file, within, 'image[2]')).toThrow(
    expect.objectContaining({ name: 'ApiError', code, status, param: 'image[2]' }),
  )
})

test('a picture too long for the model and more pictures than fit are named', () => {
  const long: Picture = { ...readPicture(bytes, limits, 'image[1]'), size: { width: 2010, height: 10 } }
  const square = readPicture(bytes, limits, 'image[0]')
  expect(() => planPictures([square, long], preprocessor, 1536)).toThrow(
    expect.objectContaining({ code: 'invalid_image', param: 'image[1]' }),
  )
  expect(() => planPictures(Array(8).fill(square), preprocessor, 20)).toThrow(
    expect.objectContaining({ code: 'context_length_exceeded', param: 'image[0]' }),
  )
})

test('the digest changes with the file, the grid and the settings, and with nothing else', () => {
  const picture = readPicture(bytes, limits, 'image')
  const plan = { size: { width: 224, height: 224 }, grid: { width: 16, height: 16 }, tokens: 64 }
  const changed = readPicture(Buffer.concat([bytes, Buffer.of(0)]), limits, 'image')
  const digests = [
    digestOf(picture, plan, preprocessor),
    digestOf(changed, plan, preprocessor),
    digestOf(picture, { ...plan, grid: { width: 8, height: 32 } }, preprocessor),
    digestOf(picture, plan, { ...preprocessor, patchSize: 7 }),
    digestOf(picture, plan, { ...preprocessor, mean: [0.5, 0.5, 0.5] }),
  ]
  expect(new Set(digests).size).toBe(digests.length)
  for (const digest of digests) expect(digest).toMatch(/^[0-9a-f]{64}$/)
  expect(digestOf({ ...picture, param: 'other' }, plan, { ...preprocessor, minPixels: 1 })).toBe(digests[0])
})

/** A PNG whose header promises 30,000 × 30,000 pixels. */
function bomb(): Uint8Array {
  const file = new Uint8Array(bytes)
  const view = new DataView(file.buffer)
  view.setUint32(16, 30_000)
  view.setUint32(20, 30_000)
  return file
}
