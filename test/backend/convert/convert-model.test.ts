import { randomUUID } from 'node:crypto'
import {
  cp,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { converterVersion, convertModel } from '../../../backend/convert/convert-model.ts'
import { modelDigest } from '../../../backend/convert/model-digest.ts'
import { writeAll } from '../../../backend/convert/write-all.ts'
import { readManifest, readOptionalManifest } from '../../../backend/model/manifest.ts'
import { readModelConfig } from '../../../backend/model/read-model-config.ts'
import { parseSafetensors, safetensors, type TensorToWrite } from './support/safetensors-file.ts'

const fixture = join(import.meta.dirname, '../../fixtures/glm-ocr-random')
const weights = 'model.safetensors'

let root: string
let modelDir: string
let outDir: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'glm-convert-'))
  modelDir = join(root, 'model')
  outDir = join(root, 'out', 'converted')
  await cp(fixture, modelDir, { recursive: true, filter: (path) => !path.endsWith('expected') })
})
afterEach(() => rm(root, { recursive: true }))

const convert = (options: { signal?: AbortSignal; onProgress?: () => void } = {}) =>
  convertModel({ modelDir, outDir, dtype: 'int8', device: 'cpu', ...options })

async function editWeights(change: (tensors: Record<string, TensorToWrite>) => void) {
  const tensors = parseSafetensors(await readFile(join(modelDir, weights)))
  change(tensors)
  await writeFile(join(modelDir, weights), safetensors(tensors))
}

const besideOutput = () => readdir(join(root, 'out'))

describe('a conversion', () => {
  test('keeps configuration, tokenizer and template, and says what it is', async () => {
    const manifest = await convert()
    expect(await readManifest(outDir)).toEqual(manifest)
    expect(manifest).toMatchObject({
      converterVersion,
      architecture: 'glm_ocr',
      dtype: 'int8',
      device: 'cpu',
    })
    expect(manifest.source).toBe(await modelDigest(modelDir))
    expect(await readModelConfig(outDir)).toEqual(await readModelConfig(modelDir))
    const kept = ['tokenizer.json', 'chat_template.jinja', 'tokenizer_config.json']
    for (const file of kept)
      expect(await readFile(join(outDir, file))).toEqual(await readFile(join(modelDir, file)))
    expect(await besideOutput()).toEqual(['converted'])
  })

  test('reports its progress up to the last byte', async () => {
    const seen: { done: number; total: number; tensor: string }[] = []
    await convertModel({
      modelDir,
      outDir,
      dtype: 'fp32',
      device: 'cpu',
      onProgress: (progress) => seen.push(progress),
    })
    const done = seen.map((progress) => progress.done)
    expect(done).toEqual(done.toSorted((a, b) => a - b))
    expect(seen.at(-1)?.tensor).toBe('lm_head.weight')
    expect(seen.at(-1)?.done).toBe(seen.at(-1)?.total)
  })

  test('leaves out the layers that predict several tokens at once', async () => {
    const plain = await convert()
    await editWeights((tensors) => {
      tensors['model.language_model.layers.2.eh_proj.weight'] = {
        dtype: 'BF16',
        shape: [4],
        bytes: new Uint8Array(8),
      }
    })
    expect((await convert()).graphs).toEqual(plain.graphs)
  })

  test('takes the embedding table as the head where they are tied', async () => {
    const config = JSON.parse(await readFile(join(modelDir, 'config.json'), 'utf8'))
    await writeFile(join(modelDir, 'config.json'), JSON.stringify({ ...config, tie_word_embeddings: true }))
    await editWeights((tensors) => {
      delete tensors['lm_head.weight']
    })
    await convert()
    expect(await besideOutput()).toEqual(['converted'])
  })

  test('replaces an earlier one, and nothing else', async () => {
    await convert()
    await writeFile(join(outDir, 'stray'), '')
    await convert()
    expect(await readdir(outDir)).not.toContain('stray')
    await rm(outDir, { recursive: true })
    await mkdir(outDir)
    await writeFile(join(outDir, 'thesis.txt'), 'mine')
    await expect(convert()).rejects.toThrow('is not empty and holds no converted model')
    expect(await readdir(outDir)).toEqual(['thesis.txt'])
  })
})

describe('a conversion that does not finish leaves nothing', () => {
  test('when it is interrupted at any moment', async () => {
    for (const steps of [1, 7, 40]) {
      const controller = new AbortController()
      let left = steps
      const onProgress = () => {
        left -= 1
        if (left === 0) controller.abort(new Error('interrupted'))
      }
      await expect(convert({ signal: controller.signal, onProgress })).rejects.toThrow('interrupted')
      expect(await besideOutput()).toEqual([])
    }
  })

  test.each<[string, string, (tensors: Record<string, TensorToWrite>) => void]>([
    [
      'a missing tensor',
      'model.safetensors: tensor lm_head.weight: is missing',
      (tensors) => delete tensors['lm_head.weight'],
    ],
    [
      'a tensor of another shape',
      'tensor model.language_model.norm.weight: found shape [24], expected [48]',
      (tensors) =>
        Object.assign(tensors, {
          'model.language_model.norm.weight': { dtype: 'BF16', shape: [24], bytes: new Uint8Array(48) },
        }),
    ],
    [
      'a tensor that does not belong',
      'tensor model.visual.extra.bias: does not belong',
      (tensors) =>
        Object.assign(tensors, {
          'model.visual.extra.bias': { dtype: 'BF16', shape: [1], bytes: new Uint8Array(2) },
        }),
    ],
    [
      'a weight that is not a number',
      'tensor lm_head.weight: holds NaN',
      ({ 'lm_head.weight': head }) => head?.bytes.fill(0xff, 64, 66),
    ],
  ])('at %s', async (_, problem, damage) => {
    await editWeights(damage)
    const error = await convert().catch((reason) => reason)
    expect(error.name).toBe('ModelFolderError')
    expect(error.message).toContain(problem)
    expect(error.message).not.toContain('\n')
    expect(await besideOutput().catch(() => [])).toEqual([])
  })

  test('at a truncated file, or one that is cut while it is read', async () => {
    const path = join(modelDir, weights)
    const { length } = await readFile(path)
    let cut = false
    const onProgress = () => {
      if (!cut) void truncate(path, length / 2)
      cut = true
    }
    await expect(convert({ onProgress })).rejects.toThrow('the file ended while it was being read')
    await expect(convert()).rejects.toThrow('model.safetensors: is truncated')
    expect(await besideOutput()).toEqual([])
  })

  test('and a full disk is one line naming file and tensor', async () => {
    const full = await open('/dev/full', 'r+')
    const writing = writeAll(full, new Uint8Array(8), 0, 'decoder.weights, tensor lm_head.weight')
    await expect(writing).rejects.toThrow(
      /^decoder.weights, tensor lm_head.weight: no space left on the disk$/,
    )
    await full.close()
  })

  test('and what a killed one left is removed by the next', async () => {
    const parent = join(root, 'out')
    const left = (host: string, pid: number) =>
      join(parent, `.converted.partial-${host}-${pid}-${randomUUID().slice(0, 8)}`)
    // No process has the largest number a pid can take.
    const [dead, live, foreign, abandoned, restarted] = [
      left(hostname(), 2 ** 31 - 1),
      left(hostname(), process.ppid),
      left('elsewhere', 1),
      left('elsewhere', 2),
      left(hostname(), process.pid),
    ]
    const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)
    for (const folder of [dead, live, foreign, abandoned, restarted]) {
      await mkdir(folder, { recursive: true })
      await writeFile(join(folder, 'decoder.weights'), '')
    }
    const idle = [
      [abandoned, minutesAgo(90)],
      [restarted, minutesAgo(30)],
    ] as const
    for (const [folder, time] of idle) {
      await utimes(join(folder, 'decoder.weights'), time, time)
      await utimes(folder, time, time)
    }
    await convert()
    expect((await besideOutput()).map((name) => join(parent, name)).toSorted()).toEqual(
      [live, foreign, join(parent, 'converted')].toSorted(),
    )
  })
})

test('the digest follows content, not names of folders or times', async () => {
  const before = await modelDigest(modelDir)
  expect(await modelDigest(fixture)).toBe(before)
  await editWeights(({ 'lm_head.weight': head }) => head?.bytes.fill(1, 100, 101))
  const changed = await modelDigest(modelDir)
  expect(changed).not.toBe(before)
  await writeFile(join(modelDir, 'chat_template.jinja'), 'another')
  expect(await modelDigest(modelDir)).not.toBe(changed)
})

test('a folder without a manifest is no conversion', async () => {
  expect(await readOptionalManifest(modelDir)).toBeNull()
  await expect(readManifest(modelDir)).rejects.toThrow('manifest.json: is missing')
})
