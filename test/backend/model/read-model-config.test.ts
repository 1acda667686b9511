import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readChatTemplate } from '../../../backend/model/chat-template.ts'
import { readModelConfig } from '../../../backend/model/read-model-config.ts'

const fixtures = join(import.meta.dirname, '../../fixtures')
// biome-ignore lint/suspicious/noExplicitAny: tests damage these objects in every way
type Json = any

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'glm-config-'))
  await copyConfig('glm4v-random')
})
afterEach(() => rm(dir, { recursive: true }))

async function copyConfig(fixture: string) {
  const configs = ['config.json', 'preprocessor_config.json', 'generation_config.json']
  for (const file of configs) await cp(join(fixtures, fixture, file), join(dir, file))
}

async function edit(file: string, change: (json: Json) => void) {
  const json = JSON.parse(await readFile(join(dir, file), 'utf8'))
  change(json)
  await writeFile(join(dir, file), JSON.stringify(json))
}

test.each(['glm4v-random', 'glm-ocr-random'])('%s in the older format means the same', async (fixture) => {
  await copyConfig(fixture)
  const newer = await readModelConfig(dir)
  await edit('config.json', ({ text_config: text, vision_config: vision }) => {
    const { rope_theta, mrope_section, partial_rotary_factor } = text.rope_parameters
    Object.assign(text, {
      rope_theta,
      partial_rotary_factor,
      rope_scaling: { type: 'default', mrope_section },
    })
    delete text.rope_parameters
    delete vision.rope_parameters
  })
  expect(await readModelConfig(dir)).toEqual(newer)
})

test('glm4v and glm_ocr take their widths from different fields', async () => {
  const glm4v = await readModelConfig(join(fixtures, 'glm4v-random'))
  expect(glm4v.vision).toMatchObject({ mlpSize: 128, mergerSize: 96, positionTableSide: 24, headSize: 12 })
  expect(glm4v.text).toMatchObject({ headSize: 32, attentionBias: true })
  const ocr = await readModelConfig(join(fixtures, 'glm-ocr-random'))
  expect(ocr.vision).toMatchObject({
    mlpSize: 128,
    mergerSize: 144,
    positionTableSide: 0,
    attentionBias: true,
  })
  expect(ocr.text).toMatchObject({ headSize: 32, attentionBias: false })
})

test('preprocessing that is not said is the reference’s', async () => {
  await writeFile(join(dir, 'preprocessor_config.json'), '{}')
  const { preprocessor } = await readModelConfig(dir)
  expect(preprocessor).toMatchObject({ patchSize: 14, minPixels: 12_544, maxPixels: 11_760_000 })
  expect(preprocessor.mean[0]).toBeCloseTo(0.4815, 4)
})

test('generation ends where generation_config.json says, else where config.json says', async () => {
  await edit('generation_config.json', (json) => {
    json.eos_token_id = 7
  })
  expect((await readModelConfig(dir)).tokens.eos).toEqual([7])
  await rm(join(dir, 'generation_config.json'))
  const { tokens, generation } = await readModelConfig(dir)
  expect(tokens.eos).toEqual([772, 779, 781])
  expect(generation.temperature).toBeNull()
})

describe('a configuration that cannot be served is named in one line', () => {
  const mistakes: [string, string, (json: Json) => void][] = [
    [
      'config.json',
      'model_type: only glm4v and glm_ocr',
      (json) => Object.assign(json, { model_type: 'qwen' }),
    ],
    ['config.json', 'text_config.hidden_size', (json) => delete json.text_config.hidden_size],
    ['config.json', 'vision_config.depth', (json) => Object.assign(json.vision_config, { depth: 0 })],
    [
      'config.json',
      'text_config.num_key_value_heads: 3',
      (json) => Object.assign(json.text_config, { num_key_value_heads: 3 }),
    ],
    ['config.json', 'text_config.head_dim: 30', (json) => Object.assign(json.text_config, { head_dim: 30 })],
    [
      'config.json',
      'rope_type: only the default',
      (json) => Object.assign(json.text_config.rope_parameters, { rope_type: 'yarn' }),
    ],
    [
      'config.json',
      'mrope_section: covers 16 of 8',
      (json) => Object.assign(json.text_config.rope_parameters, { partial_rotary_factor: 0.25 }),
    ],
    ['config.json', 'rope_theta: is missing', (json) => delete json.text_config.rope_parameters],
    ['config.json', 'hidden_act', (json) => Object.assign(json.text_config, { hidden_act: 'gelu' })],
    [
      'preprocessor_config.json',
      'patch_size: 16, but config.json has 14',
      (json) => Object.assign(json, { patch_size: 16 }),
    ],
    [
      'preprocessor_config.json',
      'do_normalize: must be true',
      (json) => Object.assign(json, { do_normalize: false }),
    ],
    ['generation_config.json', 'top_p', (json) => Object.assign(json, { top_p: 2 })],
  ]
  test.each(mistakes)('%s: %s', async (file, problem, damage) => {
    await edit(file, damage)
    const error = await readModelConfig(dir).catch((reason) => reason)
    expect(error).toMatchObject({ name: 'ModelFolderError', file })
    expect(error.message).toContain(problem)
    expect(error.message).not.toContain('\n')
  })

  test('a file that is missing or no JSON', async () => {
    await writeFile(join(dir, 'preprocessor_config.json'), '{')
    await expect(readModelConfig(dir)).rejects.toThrow('preprocessor_config.json: is not valid JSON')
    await rm(join(dir, 'preprocessor_config.json'))
    await expect(readModelConfig(dir)).rejects.toThrow('preprocessor_config.json: is missing')
  })
})

describe('the chat template', () => {
  test('is found in each of its places, the file of its own first', async () => {
    await expect(readChatTemplate(dir)).rejects.toThrow('chat_template.jinja: is missing')
    const write = (file: string, json: Json) => writeFile(join(dir, file), JSON.stringify(json))
    const named = [
      { name: 'tools', template: 'other' },
      { name: 'default', template: 'from a list' },
    ]
    await write('tokenizer_config.json', { chat_template: named })
    expect(await readChatTemplate(dir)).toBe('from a list')
    await write('tokenizer_config.json', { chat_template: 'from the tokenizer' })
    expect(await readChatTemplate(dir)).toBe('from the tokenizer')
    await write('chat_template.json', { chat_template: 'from json' })
    expect(await readChatTemplate(dir)).toBe('from json')
    await writeFile(join(dir, 'chat_template.jinja'), 'its own')
    expect(await readChatTemplate(dir)).toBe('its own')
  })
})
