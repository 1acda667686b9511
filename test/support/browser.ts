import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const executablePath = '/usr/bin/chromium'

/** Nothing but the page talks: no updates, no component downloads, no QUIC. */
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Debian's Chromium, without a window. */
export async function launchBrowser(): Promise<Browser> {
  if (!existsSync(executablePath))
    throw new Error('the page is tested in Chromium: apt-get install -y chromium')
  return chromium.launch({ executablePath, args })
}

export interface OpenPage {
  readonly page: Page
  /** Errors, refused content and requests to anybody but the server, as they happen. */
  readonly complaints: readonly string[]
}

/** Opens the page in a profile of its own; it is ready to be used when this resolves. */
export async function openPlayground(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext({
    locale: 'en-US',
    viewport: { width: 1360, height: 860 },
    ...options,
  })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', ({ message }) => complaints.push(message))
  page.on('console', (message) => {
    const refused = /status of \d{3}/.test(message.text()) // a refused request is part of some tests
    if (message.type() === 'error' && !refused) complaints.push(message.text())
  })
  page.on('request', (request) => {
    const asked = request.url()
    if (!asked.startsWith(url) && !asked.startsWith('blob:')) complaints.push(`request to ${asked}`)
  })
  await page.goto(url)
  await page.locator('#samples img').nth(3).waitFor()
  return { page, complaints }
}

/** Asks and waits until it is over; the answer's text, empty when there is none. */
export async function askOnPage(page: Page, question: string): Promise<string> {
  const answers = page.locator('.answer')
  const before = await answers.count()
  await page.locator('#question').fill(question)
  await page.locator('#question').press('Enter')
  const answer = answers.nth(before)
  await answer.locator('.actions').waitFor()
  return answerText(page, before)
}

export async function answerText(page: Page, index: number): Promise<string> {
  return (await page.locator('.answer').nth(index).locator('.text').allTextContents()).join('')
}
