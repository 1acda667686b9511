import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { pullCommand } from '../../../backend/cli/pull-command.ts'
import { digests, readModelFiles, repos, setUpPull } from '../hub/pull-setup.ts'
import { runCommand } from './command-run.ts'

test('pulls a model, shows progress and prints its folder alone', async () => {
  const { files, options } = await setUpPull('huggingface')
  const args = [repos.huggingface, '--hub-url', options.hubUrl ?? '', '--cache-dir', options.cacheDir]
  const { code, stdout, stderr } = await runCommand(pullCommand, args)
  expect(code).toBe(0)
  expect(digests(readModelFiles(stdout.trimEnd()))).toEqual(digests(files))
  expect(stderr).toContain('100 %')
})

test('flags may come from the environment, and the token does', async () => {
  const { options } = await setUpPull('huggingface', 'hf_secret')
  const env = {
    GLM_HUB_URL: options.hubUrl ?? '',
    GLM_CACHE_DIR: options.cacheDir,
    HF_TOKEN: 'hf_secret',
    GLM_PORT: 'x',
  }
  expect((await runCommand(pullCommand, [repos.huggingface], env)).code).toBe(0)
})

test('--source chooses the hub whatever the name', async () => {
  const { hub, options } = await setUpPull('modelscope')
  const args = [
    repos.modelscope,
    '--hub-url',
    hub.url,
    '--cache-dir',
    options.cacheDir,
    '--source',
    'huggingface',
  ]
  const { code, stderr } = await runCommand(pullCommand, args)
  expect(code).toBe(1)
  expect(stderr).toMatch(/^there is no model ZhipuAI\/GLM-Stand-In on Hugging Face [^\n]*\n$/)
})

test.each([
  [[], 'pull takes one hub name'],
  [['a/b', 'c/d'], 'pull takes one hub name'],
  [['a/b', '--port', '80'], "Unknown option '--port'"],
  [['a/b', '--source', 'elsewhere'], '--source elsewhere: '],
  [['a/b', '--hub-url', 'nowhere'], '--hub-url nowhere: '],
])('%j is a mistake of usage', async (args, line) => {
  const { code, stdout, stderr } = await runCommand(pullCommand, args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(line)
  expect(stderr.trimEnd()).not.toContain('\n')
})

test('a folder that cannot be written is told in one line', async () => {
  const { hub } = await setUpPull('huggingface')
  const { code, stderr } = await runCommand(pullCommand, [
    repos.huggingface,
    '--hub-url',
    hub.url,
    '--cache-dir',
    '/dev/null',
  ])
  expect(code).toBe(1)
  expect(stderr).toMatch(/^zai-org\/GLM-Stand-In cannot be stored: ENOTDIR[^\n]*\n$/)
})

test('--help names every option', async () => {
  const { code, stdout } = await runCommand(pullCommand, ['--help'])
  expect(code).toBe(0)
  for (const option of ['--source', '--hub-url', '--cache-dir']) expect(stdout).toContain(option)
})

test('a refused pull leaves no lock behind', async () => {
  const { hub, options } = await setUpPull('huggingface')
  const args = ['nobody/nothing', '--hub-url', hub.url, '--cache-dir', options.cacheDir]
  expect((await runCommand(pullCommand, args)).code).toBe(1)
  expect(readdirSync(options.cacheDir, { recursive: true })).toEqual(['locks'])
})
