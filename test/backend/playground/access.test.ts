import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningServer } from '../../../backend/start-server.ts'
import { askOnPage, launchBrowser, openPlayground } from '../../support/browser.ts'
import { startTestServer } from '../../support/start-test-server.ts'

const KEY = 'a-key-for-this-test'
let browser: Browser
let running: RunningServer

beforeAll(async () => {
  ;[browser, running] = await Promise.all([
    launchBrowser(),
    startTestServer(['--api-key', KEY, '--web-port', '0']),
  ])
})
afterAll(async () => {
  await browser.close()
  await running.close()
})

/** What axe finds wrong: rule and element, one line each. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const results = await page.evaluate<axe.AxeResults>("axe.run({ resultTypes: ['violations'] })")
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html }) => `${id}: ${html.slice(0, 120)}`),
  )
}

/** At every width: axe finds nothing, and nothing sticks out. */
async function expectAccessible(page: Page, widths: readonly number[]) {
  for (const width of widths) {
    await page.setViewportSize({ width, height: 860 })
    expect(await violations(page), `${width} px`).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth'), `${width} px`).toBeLessThanOrEqual(
      width,
    )
  }
}

describe.each(['en-US', 'zh-CN'])('in %s', (locale) => {
  test.each(['light', 'dark'] as const)('and %s, axe finds nothing at any width', async (colorScheme) => {
    const { page, complaints } = await openPlayground(browser, running.url, { locale, colorScheme })
    expect(await page.locator('html').getAttribute('lang')).toBe(locale === 'zh-CN' ? 'zh-CN' : 'en')
    await page.locator('#key').fill(KEY)
    await page.locator('#samples button').first().click()
    await page.locator('#thumbs img').waitFor()
    await askOnPage(page, '列出所有金额')
    for (const section of await page.locator('details:not([open]) > summary').all()) await section.click()
    await page.locator('input[value="json_schema"]').check()
    await expectAccessible(page, [1360, 1000, 375])
    await page.locator('input[value="text"]').check()
    await page.locator('#files').setInputFiles({ name: 'x', mimeType: 'image/png', buffer: Buffer.from('x') })
    await page.locator('#question').fill('?')
    await page.locator('#question').press('Enter')
    await page.locator('.failure').waitFor()
    await expectAccessible(page, [375])
    await page.locator('.answer').last().getByRole('button', { name: 'Python' }).click()
    await expectAccessible(page, [375])
    expect(complaints).toEqual([])
    await page.context().close()
  })
})

test('everything can be done from the keyboard, and focus is never lost', async () => {
  const { page } = await openPlayground(browser, running.url)
  await page.locator('#key').fill(KEY)
  const focused = () => page.evaluate('document.activeElement.id || document.activeElement.textContent')
  await page.locator('#samples button').first().focus()
  await page.keyboard.press('Enter')
  await expect.poll(focused).toBe('question')
  await page.keyboard.press('Tab')
  expect(await focused()).toBe('ask')
  await page.keyboard.press('Enter')
  await page.locator('.answer .actions').waitFor()
  await expect.poll(focused).toBe('ask')
  await page.locator('.answer').getByRole('button', { name: 'Node' }).focus()
  await page.keyboard.press('Enter')
  expect(await focused()).toBe('code-copy')
  await page.keyboard.press('Escape')
  expect(await focused()).toBe('Node')
  await page.keyboard.press('Control+Home')
  await page.locator('#thumbs button').focus()
  await page.keyboard.press('Enter')
  expect(await focused()).toBe('choose')
  await page.context().close()
})

test('Enter that takes characters of an input method asks nothing, nor does Shift + Enter', async () => {
  const { page } = await openPlayground(browser, running.url)
  await page.locator('#question').fill('总金额')
  const composing = { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }
  await page.locator('#question').dispatchEvent('keydown', composing)
  await page.locator('#question').press('Shift+Enter')
  expect(await page.locator('#question').inputValue()).toBe('总金额\n')
  expect(await page.locator('.turn').count()).toBe(0)
  await page.context().close()
})

test('language and colours change at a click, and the answers with them', async () => {
  const { page } = await openPlayground(browser, running.url, { colorScheme: 'light' })
  await page.locator('#key').fill(KEY)
  await page.locator('#samples button').first().click()
  await page.locator('#thumbs img').waitFor()
  await askOnPage(page, 'What is the total?')
  await page.getByRole('button', { name: '中文' }).click()
  await page.getByRole('button', { name: '复制回答' }).waitFor()
  expect(await page.locator('html').getAttribute('lang')).toBe('zh-CN')
  const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
  const light = await background()
  await page.getByRole('button', { name: '配色' }).click()
  expect(await background()).not.toBe(light)
  await page.reload()
  await page.getByRole('button', { name: 'English' }).waitFor()
  await page.context().close()
})

test('the page is open without a key and asks for one when the server wants it', async () => {
  const { page } = await openPlayground(browser, running.url)
  await page.getByText('This server wants an API key.').waitFor()
  await page.locator('#question').fill('Hello')
  await page.locator('#question').press('Enter')
  await page.getByText('The key is missing or not known here.').waitFor()
  expect(await page.evaluate('document.activeElement.id')).toBe('key')
  await page.locator('#key').fill(KEY)
  await page.locator('#key').press('Enter')
  await expect.poll(() => page.locator('#status-text').textContent()).toMatch(/^glm4v-tiny · cpu/)
  await askOnPage(page, 'Hello')
  await page.context().close()
})

test('the second port serves the same page and the same API', async () => {
  const { webUrl } = running
  if (webUrl === null) throw new Error('there is no second port')
  const { page, complaints } = await openPlayground(browser, webUrl)
  await page.locator('#key').fill(KEY)
  await page.locator('#samples button').nth(3).click()
  await page.locator('#thumbs img').waitFor()
  expect(await askOnPage(page, 'What is the number?')).toBe('37741')
  expect(complaints).toEqual([])
  await page.context().close()
})

test('a second port that is taken ends the start with a line that names its flag', async () => {
  const { port } = new URL(running.url)
  await expect(startTestServer(['--web-port', port])).rejects.toThrow(/choose another --web-port/)
})

test('only the page is open: its files come with a strict policy, every API call needs the key', async () => {
  for (const path of ['/', '/playground/main.js', '/playground/samples/receipt.png']) {
    const response = await fetch(running.url + path)
    await response.arrayBuffer()
    expect(response.status, path).toBe(200)
    const policy = response.headers.get('content-security-policy') ?? ''
    expect(policy).toMatch(/default-src 'none'; script-src 'self'; style-src 'self';/)
    expect(policy).not.toMatch(/unsafe|https?:|\*/)
    expect(policy).toMatch(/frame-ancestors 'none'.*require-trusted-types-for 'script'/)
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('referrer-policy')).toBe('no-referrer')
  }
  const closed = ['/v1/status', '/v1/models', '/playground', '/playgroundx']
  for (const path of closed) expect((await fetch(running.url + path)).status, path).toBe(401)
  for (const path of [
    '/playground/../package.json',
    '/playground/%2e%2e/package.json',
    '/playground/nothing.js',
  ]) {
    const { status } = await fetch(running.url + path)
    expect([401, 404], path).toContain(status)
  }
})

test('unchanged files are not sent again', async () => {
  const first = await fetch(`${running.url}/playground/main.js`)
  await first.arrayBuffer()
  const again = await fetch(`${running.url}/playground/main.js`, {
    headers: { 'if-none-match': first.headers.get('etag') ?? '' },
  })
  expect(again.status).toBe(304)
})
