import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { expect, test } from 'vitest'
import { converterVersion } from '../../../backend/convert/convert-model.ts'
import { conversionKey } from '../../../backend/hub/conversion-cache.ts'
import { type ResolveOptions, resolveModel } from '../../../backend/hub/resolve-model.ts'
import { readManifest } from '../../../backend/model/manifest.ts'
import { ModelFolderError } from '../../../backend/model/model-folder-error.ts'
import { fixtureDir, noTokens, repos, setUpPull, temporaryDir } from './pull-setup.ts'

const fixture = fixtureDir('glm-ocr-random')

function setUp(overrides: Partial<ResolveOptions> = {}): ResolveOptions {
  return {
    modelPath: fixture,
    source: 'auto',
    hubUrl: null,
    cacheDir: temporaryDir(),
    tokens: noTokens,
    dtype: 'fp32',
    device: 'cpu',
    onProgress: () => {},
    signal: new AbortController().signal,
    ...overrides,
  }
}

/** A copy of the fixture that a test may change. */
function copyOfFixture() {
  const dir = join(temporaryDir(), 'my-model')
  cpSync(fixture, dir, { recursive: true, filter: (path) => !path.endsWith('expected') })
  return dir
}

test('a hub folder is converted once and found again', async () => {
  const stages: string[] = []
  const options = setUp({ onProgress: ({ stage }) => stages.push(stage) })
  const { dir, name } = await resolveModel(options)
  expect(name).toBe('glm-ocr-random')
  expect(await readManifest(dir)).toMatchObject({ dtype: 'fp32', device: 'cpu', converterVersion })
  expect(new Set(stages)).toEqual(new Set(['convert']))
  stages.length = 0
  expect(await resolveModel(options)).toEqual({ dir, name })
  expect(stages).toEqual([])
})

test('a converted folder is served as it is', async () => {
  const options = setUp()
  const { dir } = await resolveModel(options)
  const elsewhere = setUp({ modelPath: `${dir}/`, dtype: 'auto' })
  expect((await resolveModel(elsewhere)).dir).toBe(dir)
  expect(readdirSync(elsewhere.cacheDir)).toEqual([])
})

test('two processes that start at the same time convert once', async () => {
  const { cacheDir } = setUp()
  const module = new URL('../../../backend/hub/resolve-model.ts', import.meta.url)
  const script = `
    const { resolveModel } = await import(${JSON.stringify(module)})
    const [modelPath, cacheDir] = process.argv.slice(1)
    let converted = false
    const { dir } = await resolveModel({
      modelPath, cacheDir, source: 'auto', hubUrl: null, tokens: {}, dtype: 'fp32', device: 'cpu',
      onProgress: () => { converted = true }, signal: new AbortController().signal,
    })
    console.log(JSON.stringify({ dir, converted }))`
  const answers = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const child = spawn(process.execPath, [
        '--input-type=module',
        '--eval',
        script,
        '--',
        fixture,
        cacheDir,
      ])
      let output = ''
      child.stdout.on('data', (chunk) => {
        output += chunk
      })
      child.stderr.pipe(process.stderr)
      await once(child, 'close')
      return JSON.parse(output) as { dir: string; converted: boolean } // as printed above
    }),
  )
  expect(answers.filter(({ converted }) => converted)).toHaveLength(1)
  expect(new Set(answers.map(({ dir }) => dir)).size).toBe(1)
  expect(readdirSync(join(cacheDir, 'converted'))).toHaveLength(1)
})

test('a conversion serves only the content, converter, precision and device it was made of', () => {
  const key = { source: 'a', converterVersion: '1', dtype: 'int8', device: 'cpu' } as const
  const others = [
    { ...key, source: 'b' },
    { ...key, converterVersion: '0' },
    { ...key, dtype: 'int4' } as const,
    { ...key, device: 'cuda' } as const,
  ]
  expect(new Set([key, ...others].map(conversionKey)).size).toBe(5)
  expect(conversionKey({ ...key })).toBe(conversionKey(key))
})

test('a model whose weights changed is converted anew', async () => {
  const modelPath = copyOfFixture()
  const options = setUp({ modelPath })
  const before = await resolveModel(options)
  const weights = join(modelPath, 'model.safetensors')
  const bytes = readFileSync(weights)
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
  writeFileSync(weights, bytes)
  const after = await resolveModel(options)
  expect(after.name).toBe(before.name)
  expect(after.dir).not.toBe(before.dir)
})

test('another precision is another conversion', async () => {
  const options = setUp()
  const [fp32, int8] = [await resolveModel(options), await resolveModel({ ...options, dtype: 'int8' })]
  expect(int8.dir).not.toBe(fp32.dir)
  expect((await readManifest(int8.dir)).dtype).toBe('int8')
})

test('auto is int8 on a CPU', async () => {
  const { dir } = await resolveModel(setUp({ dtype: 'auto' }))
  expect((await readManifest(dir)).dtype).toBe('int8')
})

test('a damaged conversion in the cache is made again', async () => {
  const options = setUp()
  const { dir } = await resolveModel(options)
  const manifest = readFileSync(join(dir, 'manifest.json'), 'utf8')
  writeFileSync(join(dir, 'manifest.json'), '{')
  expect((await resolveModel(options)).dir).toBe(dir)
  expect(readFileSync(join(dir, 'manifest.json'), 'utf8')).toBe(manifest)
})

test('without a path it is the model that ships', async () => {
  const { dir, name } = await resolveModel(setUp({ modelPath: null, dtype: 'auto' }))
  expect(name).toBe('glm4v-tiny')
  expect((await readManifest(dir)).architecture).toBe('glm4v')
})

test('a hub name is pulled, converted, and from then on found without the hub', async () => {
  const { hub, options } = await setUpPull('modelscope')
  const stages: string[] = []
  const resolve = setUp({
    ...options,
    modelPath: repos.modelscope,
    onProgress: ({ stage }) => stages.push(stage),
  })
  const first = await resolveModel(resolve)
  expect(first.name).toBe('GLM-Stand-In')
  expect([...new Set(stages)]).toEqual(['pull', 'convert'])
  await hub.close()
  stages.length = 0
  expect(await resolveModel(resolve)).toEqual(first)
  expect(stages).toEqual([])
})

test('a folder wins over a hub’s model of the same name', async () => {
  const { hub, options } = await setUpPull('huggingface')
  const parent = temporaryDir()
  cpSync(fixture, join(parent, ...repos.huggingface.split('/')), { recursive: true })
  const before = process.cwd()
  process.chdir(parent)
  try {
    await resolveModel(setUp({ ...options, modelPath: repos.huggingface }))
  } finally {
    process.chdir(before)
  }
  expect(hub.requests).toEqual([])
})

test('an interrupted conversion leaves nothing in the cache but its place', async () => {
  const stop = new AbortController()
  const options = setUp({ signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) })
  await expect(resolveModel(options)).rejects.toThrow('enough')
  expect(readdirSync(join(options.cacheDir, 'converted'))).toEqual([])
  expect(readdirSync(join(options.cacheDir, 'locks'))).toEqual([])
})

test.each([
  [{ converterVersion: '0' }, 'was converted by version 0 of the converter'],
  [{ device: 'cuda' }, 'was converted for cuda, not for cpu'],
  [{ dtype: 'int4' }, 'was converted to int4, not to fp32'],
])('a converted folder with another %j is refused by name', async (difference, line) => {
  const converted = join(temporaryDir(), 'converted')
  cpSync((await resolveModel(setUp())).dir, converted, { recursive: true })
  const manifest = await readManifest(converted)
  writeFileSync(join(converted, 'manifest.json'), JSON.stringify({ ...manifest, ...difference }))
  await expect(resolveModel(setUp({ modelPath: converted }))).rejects.toThrow(`${converted}: ${line}`)
})

test.each([
  ['an empty folder', (dir: string) => dir, 'holds no model'],
  ['a file', (dir: string) => join(dir, 'file'), 'is a file'],
  ['a path that is not there', (dir: string) => join(dir, 'no', 'such', 'folder'), 'there is no such folder'],
])('%s is refused in one line', async (_, pathIn, line) => {
  const dir = temporaryDir()
  if (line === 'is a file') writeFileSync(join(dir, 'file'), '')
  mkdirSync(join(dir, 'empty'))
  const failure = resolveModel(setUp({ modelPath: pathIn(dir) }))
  await expect(failure).rejects.toThrow(ModelFolderError)
  await expect(failure).rejects.toThrow(line)
})
