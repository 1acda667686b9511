import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { expect, test } from 'vitest'
import { convertCommand } from '../../../backend/cli/convert-command.ts'
import { readManifest } from '../../../backend/model/manifest.ts'
import { fixtureDir, temporaryDir } from '../hub/pull-setup.ts'
import { runCommand } from './command-run.ts'

const model = fixtureDir('glm-ocr-random')

test('converts a folder, shows progress and prints the new folder alone', async () => {
  const out = join(temporaryDir(), 'converted')
  const run = await runCommand(convertCommand, ['--model', model, '--out', out, '--dtype', 'fp32'])
  expect(run).toMatchObject({ code: 0, stdout: `${out}\n` })
  expect(run.stderr).toMatch(/^Converting +\d+ %/)
  expect(await readManifest(out)).toMatchObject({ dtype: 'fp32', device: 'cpu' })
})

test('without --dtype a CPU gets int8', async () => {
  const out = join(temporaryDir(), 'converted')
  expect((await runCommand(convertCommand, ['--model', model, '--out', out])).code).toBe(0)
  expect((await readManifest(out)).dtype).toBe('int8')
})

test('Ctrl-C ends it with 130 and leaves nothing', async () => {
  const dir = temporaryDir()
  const command = new URL('../../../backend/cli/convert-command.ts', import.meta.url)
  // The first line of progress is the moment the operator loses patience.
  const script = `
    const { convertCommand } = await import(${JSON.stringify(command)})
    const { stdout, stderr } = process
    const impatient = { write(text) { stderr.write(text); process.kill(process.pid, 'SIGINT') } }
    process.exitCode = await convertCommand(process.argv.slice(1), { stdout, stderr: impatient, env: {} })`
  const args = ['--model', model, '--out', join(dir, 'out'), '--dtype', 'fp32']
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, '--', ...args])
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  expect(await once(child, 'close')).toEqual([130, null])
  expect(stderr).toContain(`stopped; nothing is left at ${join(dir, 'out')}`)
  expect(readdirSync(dir)).toEqual([])
})

test.each([
  [[], '--model: is missing\n--out: is missing\n'],
  [['--model', 'a'], '--out: is missing\n'],
  [['--model', 'a', '--out', 'b', 'c'], 'convert takes options only, not c\n'],
])('%j is a mistake of usage, told whole', async (args, stderr) => {
  expect(await runCommand(convertCommand, args)).toEqual({ code: 2, stdout: '', stderr })
})

test.each([
  ['--dtype', 'int3'],
  ['--device', 'tpu'],
])('%s %s is refused with what there is', async (option, value) => {
  const run = await runCommand(convertCommand, ['--model', model, '--out', 'x', option, value])
  expect(run.code).toBe(2)
  expect(run.stderr).toMatch(new RegExp(`^${option}: .*(int8|webgpu).*\n$`))
})

test('a folder that is no model, or one that is taken, is told in one line', async () => {
  const empty = temporaryDir()
  const noModel = await runCommand(convertCommand, ['--model', empty, '--out', join(empty, 'out')])
  expect(noModel.code).toBe(1)
  expect(noModel.stderr).toMatch(/^config\.json: is missing in [^\n]*\n$/)
  mkdirSync(join(empty, 'taken', 'something'), { recursive: true })
  const taken = await runCommand(convertCommand, ['--model', model, '--out', join(empty, 'taken')])
  expect(taken.code).toBe(1)
  expect(taken.stderr).toMatch(/is not empty and holds no converted model[^\n]*\n$/)
})
