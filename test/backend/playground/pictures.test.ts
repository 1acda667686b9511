import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../../backend/start-server.ts'
import { askOnPage, launchBrowser, openPlayground } from '../../support/browser.ts'
import { samplePath } from '../../support/pictures.ts'
import { startTestServer } from '../../support/start-test-server.ts'

const site = createServer((request, response) => {
  response.setHeader('content-type', 'image/png').end(readFileSync(samplePath(request.url?.slice(1) ?? '')))
})
let browser: Browser
let running: RunningServer
let siteUrl: string

beforeAll(async () => {
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  const { port } = site.address() as AddressInfo
  siteUrl = `http://127.0.0.1:${port}`
  const limits = ['--max-images', '3', '--max-image-bytes', '20000']
  ;[browser, running] = await Promise.all([
    launchBrowser(),
    startTestServer(['--allow-image-host', `127.0.0.1:${port}`, ...limits]),
  ])
})
afterAll(async () => {
  await browser.close()
  await running.close()
  site.close()
})

const thumbs = (page: Page) => page.locator('#thumbs li')

/** An expression that makes a DataTransfer holding sample pictures; what dropping and pasting carry. */
function transferOf(...names: readonly string[]): string {
  const files = names.map((name) => [name, readFileSync(samplePath(name)).toString('base64')])
  return `(() => {
    const transfer = new DataTransfer()
    for (const [name, base64] of ${JSON.stringify(files)}) {
      const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
      transfer.items.add(new File([bytes], name, { type: 'image/png' }))
    }
    return transfer
  })()`
}

const paste = (...names: readonly string[]) =>
  `document.body.dispatchEvent(
    new ClipboardEvent('paste', { clipboardData: ${transferOf(...names)}, bubbles: true, cancelable: true }))`

test('a sample picture brings its question, and its answer is read', async () => {
  const { page, complaints } = await openPlayground(browser, running.url)
  await page.locator('#samples button').first().click()
  await expect.poll(() => page.locator('#question').inputValue()).toBe('列出所有金额')
  expect(await askOnPage(page, '列出所有金额')).toBe('21.76\n14.03\n16.00\n51.79')
  expect(complaints).toEqual([])
  await page.context().close()
})

test('pictures come in dropped, pasted and chosen, several at once, and leave one by one or all', async () => {
  const { page, complaints } = await openPlayground(browser, running.url)
  await page.evaluate(`document.querySelector('#drop').dispatchEvent(
    new DragEvent('drop', { dataTransfer: ${transferOf('number.png')}, bubbles: true, cancelable: true }))`)
  await expect.poll(() => thumbs(page).count()).toBe(1)
  await page.evaluate(paste('price-tag.png'))
  await expect.poll(() => thumbs(page).count()).toBe(2)
  await page.getByRole('button', { name: 'Remove number.png' }).click()
  await expect.poll(() => thumbs(page).count()).toBe(1)
  await page.locator('#files').setInputFiles([samplePath('receipt.png'), samplePath('number.png')])
  await expect.poll(() => thumbs(page).count()).toBe(3)
  expect(
    await page.evaluate("[...document.querySelectorAll('#thumbs img')].map((image) => image.alt)"),
  ).toEqual(['price-tag.png', 'receipt.png', 'number.png'])
  await page.getByRole('button', { name: 'Remove all' }).click()
  await expect.poll(() => thumbs(page).count()).toBe(0)
  expect(complaints).toEqual([])
  await page.context().close()
})

test('several pictures go with one question, in order', async () => {
  const { page } = await openPlayground(browser, running.url)
  await page.locator('#files').setInputFiles([samplePath('number.png'), samplePath('price-tag.png')])
  await expect.poll(() => thumbs(page).count()).toBe(2)
  const sent = page.waitForRequest(`${running.url}/v1/multimodal/completions`)
  await askOnPage(page, 'What is the number?')
  const { image } = (await sent).postDataJSON()
  const expected = ['number.png', 'price-tag.png'].map((name) =>
    readFileSync(samplePath(name)).toString('base64'),
  )
  expect(image).toEqual(expected.map((base64) => `data:image/png;base64,${base64}`))
  await page.context().close()
})

test('a linked picture is fetched by the server alone', async () => {
  const { page, complaints } = await openPlayground(browser, running.url)
  await page.locator('#link').fill(`${siteUrl}/price-tag.png`)
  await page.locator('#link').press('Enter')
  await expect.poll(() => thumbs(page).textContent()).toContain(`${siteUrl}/price-tag.png`)
  expect(await askOnPage(page, 'How much is it?')).toBe('¥33.73')
  expect(complaints).toEqual([])
  await page.context().close()
})

test('what cannot be added is said beside the pictures, and what can be is added', async () => {
  const { page } = await openPlayground(browser, running.url)
  const problem = page.locator('#picture-problem')
  await page.locator('#link').fill('receipt.png')
  await page.locator('#link').press('Enter')
  await expect.poll(() => problem.textContent()).toMatch(/http/)
  await page.locator('#files').setInputFiles([
    { name: 'huge.png', mimeType: 'image/png', buffer: Buffer.alloc(21_000) },
    { name: 'number.png', mimeType: 'image/png', buffer: readFileSync(samplePath('number.png')) },
  ])
  await expect.poll(() => problem.textContent()).toBe('huge.png has 21 KB; at most 20 KB are accepted.')
  expect(await thumbs(page).count()).toBe(1)
  await page.evaluate(paste('receipt.png', 'price-tag.png', 'receipt.png'))
  await expect.poll(() => problem.textContent()).toBe('At most 3 pictures go with a question.')
  expect(await thumbs(page).count()).toBe(3)
  await page.context().close()
})
