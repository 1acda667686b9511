import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { HubError } from '../../../backend/hub/hub-error.ts'
import { type PullOptions, pullModel } from '../../../backend/hub/pull-model.ts'
import { repos, setUpPull } from './pull-setup.ts'

const shard = 'model-00001-of-00003.safetensors'

/** The one line an operator sees. */
async function refusal(options: PullOptions) {
  const error = await pullModel(options).then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(HubError)
  const { message } = error as HubError // asserted on the line above
  expect(message).not.toContain('\n')
  return message
}

describe.each(['huggingface', 'modelscope'] as const)('%s', (kind) => {
  test('a missing repository is named, with the hub that does not have it', async () => {
    const { hub, options } = await setUpPull(kind)
    const tokens = { huggingface: 'hf_any', modelscope: 'any' }
    const message = await refusal({ ...options, repo: 'nobody/nothing', source: kind, tokens })
    expect(message).toContain('there is no model nobody/nothing on')
    expect(message).toContain(hub.url)
    expect(message).toContain('--source')
  })

  test.each([401, 403])('status %d says which variable a token goes into', async (status) => {
    const { hub, options } = await setUpPull(kind)
    hub.refuse = status
    const variable = kind === 'huggingface' ? 'HF_TOKEN' : 'MODELSCOPE_API_TOKEN'
    expect(await refusal(options)).toContain(`a private one needs a token in ${variable}`)
    expect(hub.requests).toHaveLength(1)
  })

  test('an unreachable hub is named, with the ways around it', async () => {
    const { hub, options } = await setUpPull(kind)
    await hub.close()
    const message = await refusal(options)
    expect(message).toContain(`at ${options.hubUrl} (ECONNREFUSED)`)
    expect(message).toContain('--hub-url')
    expect(message).toContain('--model-path')
  })

  test.each(['<html>Welcome to nginx</html>', 'null', '7', '[]', '{}'])(
    'something that is no hub (%s) is told apart from a missing model',
    async (body) => {
      const { options } = await setUpPull(kind)
      const server = createServer((_, response) => response.end(body)).listen(0, '127.0.0.1')
      onTestFinished(() => void server.close())
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo // a TCP server's
      expect(await refusal({ ...options, hubUrl: `http://127.0.0.1:${port}` })).toMatch(/does not answer as/)
    },
  )

  test('a hub that lists nonsense is refused', async () => {
    const { hub, options } = await setUpPull(kind)
    hub.tamper = () => [{ type: 'file', path: 'config.json', size: -1 }, { Path: 7 }]
    expect(await refusal(options)).toMatch(/does not answer as/)
  })

  test('a model larger than the disk is refused before any file is asked for', async () => {
    const { hub, options } = await setUpPull(kind)
    const huge = { size: 2 ** 52, lfs: { oid: '0'.repeat(64), size: 2 ** 52, pointerSize: 1 }, Size: 2 ** 52 }
    hub.tamper = (listing) =>
      listing.map((entry) => (JSON.stringify(entry).includes(shard) ? Object.assign({}, entry, huge) : entry))
    expect(await refusal(options)).toMatch(/takes another 45\d{5}\.\d GB/)
    expect(hub.requests.filter(({ file }) => file !== null)).toEqual([])
  })
})

test('a hub that stays broken is given up after a bounded number of tries', async () => {
  const { hub, options } = await setUpPull('huggingface')
  hub.refuse = 503
  expect(await refusal(options)).toContain('answers with HTTP status 503')
  expect(hub.requests).toHaveLength(options.limits?.attempts ?? 0)
})

test('a file that is always another one than its hub lists is refused and not kept', async () => {
  const { hub, options } = await setUpPull('modelscope')
  hub.fault = (file) => (file === shard ? 'garble' : null)
  expect(await refusal(options)).toContain(`${shard} is not the file its hub lists`)
  const dir = join(options.cacheDir, 'hub', 'modelscope', ...repos.modelscope.split('/'))
  expect(readdirSync(dir)).not.toContain(shard)
})

test('a body without end is cut off at the size listed', async () => {
  const { hub, options } = await setUpPull('huggingface')
  hub.fault = (file) => (file === shard ? 'endless' : null)
  expect(await refusal(options)).toContain('is longer than the')
})

test('a repository without weights is refused before anything is pulled', async () => {
  const { hub, files, options } = await setUpPull('huggingface')
  for (const name of files.keys()) if (name.endsWith('.safetensors')) files.delete(name)
  expect(await refusal(options)).toBe(
    'zai-org/GLM-Stand-In is not a model this program can run: no *.safetensors',
  )
  expect(hub.requests.filter(({ file }) => file !== null)).toEqual([])
})

test.each([
  '',
  'name',
  'a/b/c',
  '../etc',
  'a/..',
  './a',
  'a/',
  '/a',
  'a b/c',
  'a/b?c',
  'a/.hidden',
  'a/b\n',
  '模型/a',
])('%j is not taken for a hub name', async (repo) => {
  const { hub, options } = await setUpPull('huggingface')
  expect(await refusal({ ...options, repo })).toContain('is not a hub name')
  expect(hub.requests).toEqual([])
})

test.each(['ftp://127.0.0.1', 'huggingface.co', 'file:///etc'])(
  '%s is not taken for a hub’s address',
  async (hubUrl) => {
    const { options } = await setUpPull('huggingface')
    expect(await refusal({ ...options, hubUrl })).toContain('is not an http(s) address')
  },
)
