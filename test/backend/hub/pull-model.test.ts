import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Progress } from '../../../backend/hub/progress.ts'
import { pullModel } from '../../../backend/hub/pull-model.ts'
import { hubNameOf } from '../../../backend/hub/repo-name.ts'
import { digests, readModelFiles, repos, setUpPull } from './pull-setup.ts'

const shard = 'model-00001-of-00003.safetensors'

const pulled = (dir: string) => digests(readModelFiles(dir))

describe.each(['huggingface', 'modelscope'] as const)('%s', (kind) => {
  test('a pulled model is the repository’s, file by file', async () => {
    const { files, options } = await setUpPull(kind)
    expect(pulled(await pullModel(options))).toEqual(digests(files))
  })

  test('only what a conversion reads is downloaded', async () => {
    const { hub, files, options } = await setUpPull(kind)
    const unwanted = ['pytorch_model.bin', 'model.gguf', 'LICENSE', '.gitattributes', 'run.py']
    for (const name of unwanted) files.set(name, Buffer.from(name))
    const dir = await pullModel(options)
    expect(Object.keys(pulled(dir)).filter((name) => unwanted.includes(name))).toEqual([])
    expect(hub.requests.filter(({ file }) => file !== null && unwanted.includes(file))).toEqual([])
  })

  test('a token opens a private model and never reaches the storage host', async () => {
    const { hub, files, options } = await setUpPull(kind, 'hf_secret')
    const dir = await pullModel({
      ...options,
      tokens: { huggingface: null, modelscope: null, [kind]: 'hf_secret' },
    })
    expect(pulled(dir)).toEqual(digests(files))
    expect(hub.requests.some(({ host }) => host === 'storage')).toBe(true)
    for (const { host, credentials } of hub.requests) {
      expect(credentials?.includes('hf_secret') ?? false).toBe(host === 'hub')
    }
  })

  test('names in a hostile listing never become files', async () => {
    const { hub, files, options } = await setUpPull(kind)
    const evil = [
      '../evil.safetensors',
      '../../../../evil.safetensors',
      '/tmp/evil.safetensors',
      'sub/evil.safetensors',
      '..\\evil.safetensors',
      'C:\\evil.safetensors',
      '.evil.safetensors',
      'evil\0.safetensors',
      'evil.safetensors/',
      '.pull.json',
      'config.json/../../evil.safetensors',
    ]
    const wanted = [...files.keys()]
    for (const name of evil) files.set(name, Buffer.from('evil'))
    const dir = await pullModel(options)
    expect(Object.keys(pulled(dir)).sort()).toEqual(wanted.sort())
    const outside = readdirSync(options.cacheDir, { recursive: true, encoding: 'utf8' })
    expect(outside.filter((path) => path.includes('evil'))).toEqual([])
    expect(hub.requests.filter(({ file }) => file?.includes('evil'))).toEqual([])
  })

  test('a pulled model is found again without its hub', async () => {
    const { hub, options } = await setUpPull(kind)
    const dir = await pullModel(options)
    await hub.close()
    expect(await pullModel(options)).toBe(dir)
  })
})

test('the folder is named after the repository', async () => {
  const { options } = await setUpPull('huggingface')
  const dir = await pullModel(options)
  expect(dir).toBe(join(options.cacheDir, 'hub', 'huggingface', ...repos.huggingface.split('/')))
})

test('names under ZhipuAI/ are ModelScope’s unless the source says otherwise', () => {
  expect(hubNameOf('ZhipuAI/GLM-4.6V-Flash', 'auto')).toBe('modelscope')
  expect(hubNameOf('zai-org/GLM-4.6V-Flash', 'auto')).toBe('huggingface')
  expect(hubNameOf('ZhipuAI/GLM-4.6V-Flash', 'huggingface')).toBe('huggingface')
  expect(hubNameOf('zai-org/GLM-4.6V-Flash', 'modelscope')).toBe('modelscope')
})

test('progress grows to the size of everything pulled', async () => {
  const { files, options } = await setUpPull('huggingface')
  const seen: Progress[] = []
  await pullModel({ ...options, onProgress: (progress) => seen.push(progress) })
  const totalBytes = [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0)
  expect(seen.at(-1)).toEqual({ stage: 'pull', doneBytes: totalBytes, totalBytes })
  expect(seen.every(({ doneBytes }, i) => doneBytes >= (seen[i - 1]?.doneBytes ?? 0))).toBe(true)
})

test('of two pulls at the same time one downloads and both get the model', async () => {
  const { hub, files, options } = await setUpPull('huggingface')
  const dirs = await Promise.all([pullModel(options), pullModel(options)])
  expect(dirs[0]).toBe(dirs[1])
  expect(pulled(dirs[0])).toEqual(digests(files))
  expect(hub.requestsOf(shard).map(({ host }) => host)).toEqual(['hub', 'storage'])
})

test('a model of another kind is refused before its weights are asked for', async () => {
  const { hub, files, options } = await setUpPull('huggingface')
  files.set('config.json', Buffer.from('{"model_type":"llama"}'))
  await expect(pullModel(options)).rejects.toThrow(
    /^zai-org\/GLM-Stand-In is not a model this program can run: /,
  )
  expect(hub.requestsOf(shard)).toEqual([])
})

test('a file that vanished from the pulled folder is pulled again, alone', async () => {
  const { hub, files, options } = await setUpPull('huggingface')
  const dir = await pullModel(options)
  rmSync(join(dir, shard))
  hub.requests.length = 0
  expect(pulled(await pullModel(options))).toEqual(digests(files))
  expect([...new Set(hub.requests.map(({ file }) => file))]).toEqual([null, shard])
  expect(existsSync(join(dir, `${shard}.part`))).toBe(false)
})
