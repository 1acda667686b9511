import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { expect, test } from 'vitest'
import { pullModel } from '../../../backend/hub/pull-model.ts'
import { digests, readModelFiles, repos, setUpPull } from './pull-setup.ts'
import { flipLastBit } from './stand-in-hub.ts'

const shard = 'model-00001-of-00003.safetensors'

const pulled = (dir: string) => digests(readModelFiles(dir))
const storageRanges = (requests: readonly { host: string; range: string | null }[]) =>
  requests.filter(({ host }) => host === 'storage').map(({ range }) => range)

test('a cut connection is taken up where it broke', async () => {
  const { hub, files, options } = await setUpPull('huggingface')
  hub.fault = (file, nth) => (file === shard && nth <= 2 ? 'cut' : null)
  expect(pulled(await pullModel(options))).toEqual(digests(files))
  const size = files.get(shard)?.length ?? 0
  const [first, second, third, ...more] = storageRanges(hub.requestsOf(shard))
  expect([first, more]).toEqual([null, []])
  const [afterFirst, afterSecond] = [second, third].map((range) =>
    Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]),
  )
  expect(afterFirst).toBeGreaterThan(0)
  expect(afterFirst).toBeLessThanOrEqual(Math.ceil(size / 2))
  expect(afterSecond).toBeGreaterThan(afterFirst ?? 0)
})

test('small files whose hub gives no digest are taken up too', async () => {
  const { hub, files, options } = await setUpPull('huggingface')
  hub.fault = (file, nth) => (file === 'config.json' && nth === 1 ? 'cut' : null)
  expect(pulled(await pullModel(options))).toEqual(digests(files))
})

test('a connection that falls silent is given up and taken up', async () => {
  const { hub, files, options } = await setUpPull('modelscope')
  hub.fault = (file, nth) => (file === shard && nth === 1 ? 'stall' : null)
  const limits = { connectTimeoutMs: 20_000, stallTimeoutMs: 1000, attempts: 3, backoffMs: 1 }
  expect(pulled(await pullModel({ ...options, limits }))).toEqual(digests(files))
})

test.each(['ignore-range', 'wrong-range', 416] as const)(
  'after a cut, an answer from elsewhere in the file (%s) does no harm',
  async (fault) => {
    const { hub, files, options } = await setUpPull('huggingface')
    hub.fault = (file, nth) => (file !== shard ? null : nth === 1 ? 'cut' : nth === 2 ? fault : null)
    expect(pulled(await pullModel(options))).toEqual(digests(files))
  },
)

test.each([500, 503, 429, 'login-page', 'garble'] as const)(
  'one bad answer (%s) is asked for again',
  async (fault) => {
    const { hub, files, options } = await setUpPull('huggingface')
    hub.fault = (file, nth) => (file === shard && nth === 1 ? fault : null)
    expect(pulled(await pullModel(options))).toEqual(digests(files))
  },
)

test('an aborted pull rejects with the signal’s reason, and the next one goes on', async () => {
  const { hub, files, options } = await setUpPull('modelscope')
  hub.fault = (file, nth) => (file === shard && nth === 1 ? 'stall' : null)
  const stop = new AbortController()
  const half = (files.get(shard)?.length ?? 0) / 2
  const others = [...files].reduce((sum, [name, { length }]) => (name === shard ? sum : sum + length), 0)
  const onProgress = ({ doneBytes }: { readonly doneBytes: number }) => {
    if (doneBytes >= others + half) stop.abort(new Error('enough'))
  }
  await expect(pullModel({ ...options, signal: stop.signal, onProgress })).rejects.toThrow('enough')
  const sentBefore = hub.sentBytes
  expect(pulled(await pullModel(options))).toEqual(digests(files))
  expect(hub.sentBytes - sentBefore).toBeLessThanOrEqual(half)
})

test('a killed pull holds nobody up, and the next one goes on', async () => {
  const { hub, files, options } = await setUpPull('huggingface')
  hub.fault = (file, nth) => (file === shard && nth === 1 ? 'stall' : null)
  const half = Math.ceil((files.get(shard)?.length ?? 0) / 2)
  const command = new URL('../../../backend/cli/pull-command.ts', import.meta.url).href
  const script = `
    const { pullCommand } = await import(${JSON.stringify(command)})
    await pullCommand(process.argv.slice(1), { stdout: process.stdout, stderr: process.stderr, env: {} })`
  const args = [repos.huggingface, '--hub-url', options.hubUrl ?? '', '--cache-dir', options.cacheDir]
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, '--', ...args])
  const part = join(options.cacheDir, 'hub', 'huggingface', ...repos.huggingface.split('/'), `${shard}.part`)
  await expect.poll(() => statSync(part, { throwIfNoEntry: false })?.size, { timeout: 20_000 }).toBe(half)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(readdirSync(join(options.cacheDir, 'locks'))).toHaveLength(1)
  expect(pulled(await pullModel(options))).toEqual(digests(files))
  expect(storageRanges(hub.requestsOf(shard)).at(-1)).toBe(`bytes=${half}-`)
  expect(readdirSync(join(options.cacheDir, 'locks'))).toEqual([])
})

test('a pull never mixes two versions of a model', async () => {
  const { hub, files, options } = await setUpPull('huggingface')
  // The last shard is refused: the pull fails when everything else has come, the first shard half of it.
  hub.fault = (file) => (file === shard ? 'cut' : file === 'model-00003-of-00003.safetensors' ? 403 : null)
  await expect(pullModel(options)).rejects.toThrow()
  hub.fault = () => null
  for (const [name, bytes] of files) {
    // Same names, same sizes, other contents: a space in JSON, a bit of the weights.
    const changed = Buffer.from(bytes)
    if (name.endsWith('.json')) changed.write(' ', changed.lastIndexOf('\n'))
    else flipLastBit(changed)
    files.set(name, changed)
  }
  expect(pulled(await pullModel(options))).toEqual(digests(files))
})

test('a partial file that was tampered with is found out and loaded again', async () => {
  const { hub, files, options } = await setUpPull('modelscope')
  hub.fault = (file) => (file === shard ? 'stall' : null)
  const stop = new AbortController()
  const dir = join(options.cacheDir, 'hub', 'modelscope', ...repos.modelscope.split('/'))
  const onProgress = () => {
    if ((statSync(join(dir, `${shard}.part`), { throwIfNoEntry: false })?.size ?? 0) > 0) stop.abort()
  }
  await expect(pullModel({ ...options, signal: stop.signal, onProgress })).rejects.toThrow()
  const part = readFileSync(join(dir, `${shard}.part`))
  writeFileSync(join(dir, `${shard}.part`), part.fill(0, 0, 1))
  hub.fault = () => null
  expect(pulled(await pullModel(options))).toEqual(digests(files))
})
