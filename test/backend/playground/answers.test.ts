import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../../backend/start-server.ts'
import { answerText, askOnPage, launchBrowser, openPlayground } from '../../support/browser.ts'
import { startTestServer } from '../../support/start-test-server.ts'

let browser: Browser
let running: RunningServer

beforeAll(async () => {
  ;[browser, running] = await Promise.all([launchBrowser(), startTestServer()])
})
afterAll(async () => {
  await browser.close()
  await running.close()
})

async function openWithReceipt() {
  const opened = await openPlayground(browser, running.url)
  await opened.page.locator('#samples button').first().click()
  await opened.page.locator('#thumbs img').waitFor()
  return opened
}

test('an answer tells its tokens, its speed and where its time went, streamed or not', async () => {
  const { page, complaints } = await openWithReceipt()
  await page.getByLabel('Send earlier questions along').setChecked(false)
  for (const streamed of [true, false]) {
    await page.getByLabel('Show the answer while it is written').setChecked(streamed)
    expect(await askOnPage(page, '列出所有金额')).toBe('21.76\n14.03\n16.00\n51.79')
    const measures = (await page.locator('.measures').last().textContent()) ?? ''
    expect(measures).toMatch(/read\d+ tokens.*written24 tokens.*speed\d+ tokens\/s/)
    for (const stage of ['queue', 'picture', 'vision', 'prefill', 'decode']) {
      expect(measures).toMatch(new RegExp(`${stage}\\d`))
    }
  }
  expect(complaints).toEqual([])
  await page.context().close()
})

test('the stop button ends a running answer, keeps its text and gives its slot back', async () => {
  const { page } = await openWithReceipt()
  // a text this long cannot end before it is stopped
  await page.getByText('Answer format').click()
  await page.getByLabel('JSON by a schema').check()
  await page
    .locator('#schema')
    .fill(JSON.stringify({ type: 'array', items: { type: 'integer' }, minItems: 1000 }))
  await page.getByLabel('Longest answer').fill('1500')
  await page.locator('#question').fill('Hello')
  await page.locator('#question').press('Enter')
  await page.locator('.answer .text:not(:empty)').waitFor()
  await page.getByRole('button', { name: 'Stop', exact: true }).click()
  await page.getByText('Stopped').waitFor()
  expect((await answerText(page, 0)).length).toBeGreaterThan(0)
  const engine = running.server.services().engine
  await expect.poll(() => engine.stats().running + engine.stats().waiting).toBe(0)
  await page.context().close()
})

test('a follow-up question carries the pictures and what was said; other pictures begin anew', async () => {
  const { page, complaints } = await openWithReceipt()
  const first = await askOnPage(page, '列出所有金额')
  const followUp = page.waitForRequest(`${running.url}/v1/chat/completions`)
  await askOnPage(page, 'What is the total?')
  const { messages } = (await followUp).postDataJSON()
  expect(messages).toMatchObject([
    { role: 'user', content: [{ type: 'image_url' }, { type: 'text', text: '列出所有金额' }] },
    { role: 'assistant', content: first },
    { role: 'user', content: 'What is the total?' },
  ])
  await page.locator('#samples button').nth(1).click()
  await expect.poll(() => page.locator('#thumbs img').getAttribute('alt')).toBe('price-tag.png')
  const alone = page.waitForRequest(`${running.url}/v1/multimodal/completions`)
  expect(await askOnPage(page, 'How much is it?')).toBe('¥33.73')
  expect((await alone).postDataJSON()).toMatchObject({ prompt: 'How much is it?' })
  await page.getByText('Other pictures from here on.').waitFor()
  expect(complaints).toEqual([])
  await page.context().close()
})

test('without "send earlier questions along" each question stands alone', async () => {
  const { page } = await openWithReceipt()
  await page.getByLabel('Send earlier questions along').setChecked(false)
  await askOnPage(page, '列出所有金额')
  const second = page.waitForRequest('**/v1/**completions')
  await askOnPage(page, 'What is the total?')
  expect((await second).postDataJSON()).toMatchObject({ prompt: 'What is the total?' })
  await page.context().close()
})

test('a question without a picture is a chat', async () => {
  const { page } = await openPlayground(browser, running.url)
  const sent = page.waitForRequest(`${running.url}/v1/chat/completions`)
  await askOnPage(page, 'Hello')
  expect((await sent).postDataJSON()).toMatchObject({ messages: [{ role: 'user', content: 'Hello' }] })
  await page.context().close()
})

test('parameters that are set are sent, those left empty are not, and bad ones are named', async () => {
  const { page } = await openWithReceipt()
  const values: readonly [string, string][] = [
    ['Longest answer', '5'],
    ['Temperature', '0.5'],
    ['Top-k', '20'],
    ['Repetition penalty', '1.1'],
    ['Seed', '7'],
    ['Stop before', 'END\nFIN'],
  ]
  for (const [label, value] of values) await page.getByLabel(label).fill(value)
  const sent = page.waitForRequest(`${running.url}/v1/multimodal/completions`)
  await askOnPage(page, 'What is the total?')
  const { image, ...fields } = (await sent).postDataJSON()
  expect(image).toMatch(/^data:image\/png;base64,/)
  expect(fields).toEqual({
    prompt: 'What is the total?',
    max_new_tokens: 5,
    temperature: 0.5,
    top_k: 20,
    repetition_penalty: 1.1,
    seed: 7,
    stop: ['END', 'FIN'],
    stream: true,
  })
  await page.getByLabel('Temperature').fill('3')
  await page.locator('#question').fill('What is the total?')
  await page.locator('#question').press('Enter')
  await expect.poll(() => page.locator('#settings-problem').textContent()).toMatch(/Temperature.*0.*2/)
  expect(await page.getByLabel('Temperature').getAttribute('aria-invalid')).toBe('true')
  expect(await page.locator('.answer').count()).toBe(1)
  await page.context().close()
})

test('a schema holds the answer, and one that is not JSON is named before anything is sent', async () => {
  const { page } = await openWithReceipt()
  await page.getByText('Answer format').click()
  await page.getByLabel('JSON by a schema').check()
  const schema = {
    type: 'object',
    properties: { total: { type: 'string', maxLength: 8 } },
    required: ['total'],
    additionalProperties: false,
  }
  await page.locator('#schema').fill('{"type": ')
  await page.locator('#question').fill('What is the total?')
  await page.locator('#question').press('Enter')
  await expect.poll(() => page.locator('#settings-problem').textContent()).toMatch(/not valid JSON/)
  await page.locator('#schema').fill(JSON.stringify(schema))
  const sent = page.waitForRequest(`${running.url}/v1/multimodal/completions`)
  const answer = await askOnPage(page, 'What is the total?')
  expect(JSON.parse(answer)).toEqual({ total: expect.any(String) })
  expect((await sent).postDataJSON()).toMatchObject({
    response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } },
  })
  await page.context().close()
})

test('the schema that the page brings is one the server takes', async () => {
  const { page } = await openWithReceipt()
  await page.getByText('Answer format').click()
  await page.getByLabel('JSON by a schema').check()
  const answer = JSON.parse(await askOnPage(page, '列出所有金额'))
  expect(answer).toEqual({ amounts: expect.any(Array), total: expect.stringMatching(/^\d{1,5}\.\d\d$/) })
  await page.context().close()
})

test('an error says in words what is wrong, with the field and the request, and asking again is one click', async () => {
  const { page } = await openPlayground(browser, running.url)
  await page
    .locator('#files')
    .setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('no') })
  await page.locator('#thumbs li').waitFor()
  await page.locator('#question').fill('What is it?')
  await page.locator('#question').press('Enter')
  const failure = page.locator('.failure')
  await expect
    .poll(() => failure.textContent())
    .toMatch(/A picture could not be read.*Field: image.*Request req_/)
  const again = page.waitForRequest(`${running.url}/v1/multimodal/completions`)
  await page.getByRole('button', { name: 'Ask again' }).click()
  expect((await again).postDataJSON()).toMatchObject({ prompt: 'What is it?' })
  await expect.poll(() => failure.count()).toBe(2)
  await page.context().close()
})

test('a server that is gone and one with all its work are told apart', async () => {
  const { page } = await openWithReceipt()
  await page.route('**/v1/multimodal/completions', (route) => route.abort())
  await page.locator('#question').fill('Hello')
  await page.locator('#question').press('Enter')
  await page.getByText('The server could not be reached.').waitFor()
  await page.unroute('**/v1/multimodal/completions')
  await page.route('**/v1/multimodal/completions', (route) =>
    route.fulfill({
      status: 503,
      headers: { 'retry-after': '7' },
      json: {
        error: { message: 'the queue is full', type: 'server_error', param: null, code: 'queue_full' },
      },
    }),
  )
  await page.locator('#question').fill('Hello')
  await page.locator('#question').press('Enter')
  await page.getByText('all the work it takes').waitFor()
  await page.getByText('Try again in 7 s.').waitFor()
  await page.context().close()
})

test('reasoning is shown apart from the answer', async () => {
  const { page } = await openWithReceipt()
  const deltas = [{ reasoning_content: 'Let me ' }, { reasoning_content: 'see.' }, { content: 'Seen.' }]
  const events = deltas.map((delta) => JSON.stringify({ choices: [{ delta, finish_reason: null }] }))
  const last = JSON.stringify({ choices: [{ delta: {}, finish_reason: 'stop' }] })
  const body = [...events, last, '[DONE]'].map((data) => `data: ${data}\n\n`).join('')
  await page.route('**/v1/multimodal/completions', (route) =>
    route.fulfill({ contentType: 'text/event-stream', body }),
  )
  await page.getByLabel('Let the model think first').check()
  const sent = page.waitForRequest('**/v1/multimodal/completions')
  expect(await askOnPage(page, 'Hello')).toBe('Seen.')
  expect((await sent).postDataJSON()).toMatchObject({ thinking: true })
  expect(await page.locator('.reasoning div').textContent()).toBe('Let me see.')
  await page.context().close()
})

test('a stream that breaks off is not taken for an answer, and its text stays', async () => {
  const { page } = await openWithReceipt()
  const body = `data: ${JSON.stringify({ choices: [{ delta: { content: 'half' }, finish_reason: null }] })}\n\n`
  await page.route('**/v1/multimodal/completions', (route) =>
    route.fulfill({ contentType: 'text/event-stream', body }),
  )
  expect(await askOnPage(page, 'Hello')).toBe('half')
  await page.getByText('The connection broke before the answer was whole.').waitFor()
  await page.context().close()
})

test('the history lives in the page alone', async () => {
  const { page } = await openWithReceipt()
  await askOnPage(page, 'What is the total?')
  const kept = 'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])'
  expect(await page.evaluate(kept)).toBe('[{},{},""]')
  await page.reload()
  await page.locator('#samples img').nth(3).waitFor()
  expect(await page.locator('.turn').count()).toBe(0)
  await page.context().close()
})

test('the status line tells model, device and queue, and the chart draws the load', async () => {
  const { page } = await openWithReceipt()
  await expect
    .poll(() => page.locator('#status-text').textContent())
    .toMatch(/^glm4v-tiny · cpu · (idle|1 of 4)/)
  await askOnPage(page, '列出所有金额')
  await page.locator('#load-bars .busy').first().waitFor({ state: 'attached' })
  await expect
    .poll(() => page.locator('#load-text').textContent())
    .toMatch(/Load over the last minute, now \d+ %/)
  await page.context().close()
})
