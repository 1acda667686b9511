import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../backend/start-server.ts'
import { errorCodes } from '../../shared/errors.ts'
import { pythonWith } from '../support/python.ts'
import { startTestServer } from '../support/start-test-server.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(`${root}/docs/api.md`, 'utf8')

const codeBlocks = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, code]) => code ?? '')
const blocks = (language: string) => codeBlocks(page, language)

/** An answer without what differs each time: its id, its time, and how much of the prompt was asked before. */
function settled(answer: string): unknown {
  const parsed = JSON.parse(answer)
  const { prompt_tokens_details: _, ...usage } = parsed.usage
  return { ...parsed, id: '', created: 0, usage }
}

let running: RunningServer
beforeAll(async () => {
  running = await startTestServer()
})
afterAll(() => running.close())

const here = (code: string) => code.replaceAll('http://127.0.0.1:8080', running.url)
const receipt = '21.76\n14.03\n16.00\n51.79'

test.each(blocks('sh'))('this runs as it stands: %s', async (code) => {
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', here(code)], { cwd: root })
  expect(stdout).not.toContain('"error"')
  expect(stdout).toMatch(/^(\{|data: \{)/)
})

test('the example in JavaScript prints the answer', async () => {
  const [code = ''] = blocks('js')
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', here(code)], { cwd: root })
  expect(stdout.trim()).toBe(receipt)
})

test('the example in Python prints the answer', { timeout: 400_000 }, async () => {
  const [code = ''] = blocks('python')
  const python = await pythonWith(`${root}/test/e2e/python/requirements.txt`)
  const { stdout } = await run(python, ['-c', here(code)], { cwd: root })
  expect(stdout.trim()).toBe(receipt)
})

test('the counted example is what the server counts', async () => {
  const [code = ''] = blocks('sh').filter((block) => block.includes('/v1/tokenize'))
  const { stdout } = await run('bash', ['-c', here(code)], { cwd: root })
  const [shown] = blocks('json').filter((block) => block.includes('token_count'))
  expect(JSON.parse(shown ?? '')).toEqual(JSON.parse(stdout))
})

test.each(['README.md', 'README.zh-CN.md', 'docs/api.md'])(
  'the first answer shown in %s is what its first question gets',
  async (name) => {
    const document = readFileSync(`${root}/${name}`, 'utf8')
    const [shown] = codeBlocks(document, 'json').filter((block) => block.includes('"multimodal.completion"'))
    const [code = ''] = codeBlocks(document, 'sh').filter((block) =>
      block.includes('/v1/multimodal/completions'),
    )
    const { stdout } = await run('bash', ['-c', here(code)], { cwd: root })
    expect(settled(shown ?? '')).toEqual(settled(stdout))
  },
)

test('every code is in the table, under its status, and no other', () => {
  const table = page.slice(page.indexOf('<!-- errors -->'))
  const rows = [...table.matchAll(/^\| (\d+) \| `(\w+)` \|/gm)].map(([, status, code]) => [
    code,
    Number(status),
  ])
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(Object.entries(errorCodes).map(([code, { status }]) => [code, status])),
  )
})
