import { access } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../../backend/engine/engine.ts'
import { readModelConfig } from '../../../backend/model/read-model-config.ts'
import { collect, startEngine } from '../engine/support/requests.ts'
import { convert, models, remove, start } from './support/converted-model.ts'
import { type Case, generate, readCases } from './support/prompts.ts'

/** A Vulkan driver in software, from Debian's chromium: the provider runs as on a GPU, but for the speed. */
const swiftShader = '/usr/lib/chromium/vk_swiftshader_icd.json'
/** Enough to read the device's cache several times. */
const answerTokens = 3

beforeAll(async () => {
  await access(swiftShader)
  process.env['VK_DRIVER_FILES'] = swiftShader
})

const sizeOf = ({ ids, pixels }: Case) => ids.length + (pixels?.length ?? 0)

describe.each(models.filter(({ recorded }) => recorded))('$name on WebGPU', (model) => {
  let dir: string
  let engine: Engine
  let cases: Case[]

  beforeAll(async () => {
    dir = await convert(model, 'webgpu')
    const recorded = readCases(model.dir, (await readModelConfig(dir)).tokens.image)
    // A driver in software takes seconds a picture: the two with least to compute.
    cases = recorded.sort((a, b) => sizeOf(a) - sizeOf(b)).slice(0, 2)
    const runner = await start(dir, { slots: 1, maxLength: 256, device: 'webgpu:0' })
    engine = startEngine(runner, { prefillChunk: runner.warmUp.prefillChunk, featureCacheBytes: 100_000 })
  })
  afterAll(async () => {
    await engine.close()
    await remove(dir)
  })

  test('greedy answers are the reference’s, with a cache that stays on the device from step to step', {
    timeout: 90_000,
  }, async () => {
    for (const { name, prompt, generated } of cases) {
      const expected = generated.slice(0, answerTokens)
      const { tokens } = await collect(engine.submit(generate(prompt, { maxNewTokens: expected.length })))
      expect(tokens, name).toEqual(expected)
    }
  })

  test('a prompt that begins like the last one reads on from its cache', async () => {
    const [first] = cases
    const { prompt, generated } = first as Case
    await collect(engine.submit(generate(prompt, { maxNewTokens: 2 })))
    const { tokens, finish } = await collect(engine.submit(generate(prompt, { maxNewTokens: 3 })))
    expect(tokens).toEqual(generated.slice(0, 3))
    expect(finish.usage.cachedTokens).toBe(prompt.tokens.length - 1)
  })
})
