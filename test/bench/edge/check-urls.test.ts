import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const program = path('../../../bench/edge/check-urls.ts')
const refused = path('../../fixtures/urls/refused.txt')
const allowed = path('../../fixtures/urls/allowed.txt')

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'check-urls-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function file(name: string, text: string): Promise<string> {
  const whole = join(folder, name)
  await writeFile(whole, text)
  return whole
}

function checkUrls(...args: string[]): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], (error, stdout) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout }),
    )
  })
}

test('ends with 0 only if every verdict is the expected one', async () => {
  expect((await checkUrls(refused)).code).toBe(0)
  expect((await checkUrls(allowed, '--expect', 'allow')).code).toBe(0)
  expect((await checkUrls(allowed)).code).toBe(1)
  const mixed = await file('mixed.txt', 'https://example.com/a.png\nhttp://127.0.0.1/\n')
  expect((await checkUrls(mixed)).code).toBe(1)
  expect((await checkUrls(mixed, '--expect', 'allow')).code).toBe(1)
})

test('a list without URLs proves nothing and fails; so does a wrong use', async () => {
  expect((await checkUrls(await file('empty.txt', '# nothing\n'))).code).toBe(1)
  expect((await checkUrls()).code).toBe(2)
  expect((await checkUrls(allowed, '--expect', 'perhaps')).code).toBe(2)
})

test('prints both verdicts and their reasons for each URL, by the hosts it is given', async () => {
  const urls = await file('urls.txt', 'https://inside.example.com/a.png\nhttps://outside.example.com/a.png\n')
  const hosts = await file('hosts.txt', 'inside.example.com 10.0.0.1\noutside.example.com 93.184.216.34\n')
  const { code, stdout } = await checkUrls(urls, '--hosts', hosts)
  expect(code).toBe(1)
  expect(stdout.split('\n')).toEqual([
    expect.stringMatching(
      /^"https:\/\/inside\.example\.com\/a\.png"\tedge: refused \(.+\)\tbackend: refused \(.+\)$/,
    ),
    expect.stringMatching(
      /^"https:\/\/outside\.example\.com\/a\.png"\tedge: allowed \(.+\)\tbackend: allowed \(.+\)$/,
    ),
    '2 URLs, 2 verdicts other than refuse',
    '',
  ])
})
