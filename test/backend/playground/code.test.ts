import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningServer } from '../../../backend/start-server.ts'
import { askOnPage, launchBrowser, openPlayground } from '../../support/browser.ts'
import { samplePath } from '../../support/pictures.ts'
import { startTestServer } from '../../support/start-test-server.ts'

const run = promisify(execFile)
const KEY = 'a-key-for-this-test'
const LONG_OUTPUT_BYTES = 10_000_000

interface Received {
  readonly path: string | undefined
  readonly key: string | undefined
  readonly body: unknown
}

/** Notes what a program sends. */
const received: Received[] = []
const listener = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const body = JSON.parse(Buffer.concat(chunks).toString())
  received.push({ path: request.url, key: request.headers.authorization, body })
  response.end(body.stream === true ? 'data: [DONE]\n\n' : '{"choices":[{"message":{"content":"noted"}}]}')
})
let browser: Browser
let running: RunningServer
let page: Page

beforeAll(async () => {
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  ;[browser, running] = await Promise.all([launchBrowser(), startTestServer(['--api-key', KEY])])
  const opened = await openPlayground(browser, running.url, {
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  page = opened.page
  await page.getByLabel('Key of this server').fill(KEY)
  await page.locator('#files').setInputFiles(samplePath('receipt.png'))
  await page.locator('#thumbs img').waitFor()
})
afterAll(async () => {
  await browser.close()
  await running.close()
  listener.close()
})

/** The program behind one of an answer's buttons, as it lands in the clipboard. */
async function copied(language: 'curl' | 'Python' | 'Node'): Promise<string> {
  await page.locator('.answer').last().getByRole('button', { name: language }).click()
  await page.evaluate("navigator.clipboard.writeText('')")
  await page.getByRole('button', { name: 'Copy', exact: true }).click()
  const clipboard = () => page.evaluate<string>('navigator.clipboard.readText()')
  await expect.poll(clipboard).not.toBe('')
  expect(await page.locator('#toast').textContent()).toBe('Copied')
  const code = await clipboard()
  await page.getByRole('button', { name: 'Close' }).click()
  return code
}

async function execute(language: 'curl' | 'Python' | 'Node', code: string): Promise<string> {
  const programs = {
    curl: ['bash', '-c', code],
    Python: ['python3', '-c', code],
    Node: [process.execPath, '--input-type=module', '-e', code],
  } as const
  const [program, ...args] = programs[language]
  const options = { env: { ...process.env, GLM_API_KEY: KEY }, maxBuffer: LONG_OUTPUT_BYTES }
  return (await run(program, args, options)).stdout
}

describe.each([
  ['a first question, streamed', async () => {}],
  [
    'a whole answer with every kind of value',
    async () => {
      await page.getByRole('button', { name: 'New conversation' }).click()
      await page.getByLabel('Show the answer while it is written').setChecked(false)
      await page.getByLabel('Stop before').fill(`it's "quoted" \\n $HOME \`id\` 金额 😀`)
      await page.getByLabel('Temperature').fill('0')
    },
  ],
  ['a follow-up question', async () => {}],
])('%s', (_, prepare) => {
  let answer: string
  let sent: { path: string; body: unknown }

  beforeAll(async () => {
    await prepare()
    const request = page.waitForRequest(`${running.url}/v1/**completions`)
    answer = await askOnPage(page, '列出所有金额')
    sent = { path: new URL((await request).url()).pathname, body: (await request).postDataJSON() }
  })

  test.each(['curl', 'Python', 'Node'] as const)(
    'copied as %s sends exactly this request',
    async (language) => {
      const code = await copied(language)
      expect(code).not.toContain(KEY)
      const { port } = listener.address() as AddressInfo
      received.length = 0
      await execute(language, code.replaceAll(running.url, `http://127.0.0.1:${port}`))
      expect(received).toEqual([{ ...sent, key: `Bearer ${KEY}` }])
    },
  )

  test.each(['Python', 'Node'] as const)('copied as %s prints the same answer', async (language) => {
    expect((await execute(language, await copied(language))).trim()).toBe(answer)
  })
})
