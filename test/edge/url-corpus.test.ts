import { expect, test } from 'vitest'
import { backendVerdict, edgeVerdict } from '../../bench/edge/url-verdicts.ts'
import { ByteBudget, HeldBytes } from '../../edge/intake/byte-budget.ts'
import { ByteWriter } from '../../edge/intake/byte-writer.ts'
import { fetchImage } from '../../edge/intake/fetch-image.ts'
import { ApiError } from '../../shared/errors.ts'
import { publicUrlPolicy } from '../../shared/url-rules.ts'
import { readUrlList } from '../support/read-url-list.ts'

const refused = readUrlList('refused.txt')
const allowed = readUrlList('allowed.txt')

test(`neither engine dials for any of ${refused.length} URLs that must be refused`, async () => {
  expect(refused.length).toBeGreaterThanOrEqual(200)
  for (const url of refused) {
    expect(await edgeVerdict(url, null), url).toMatchObject({ allowed: false })
    expect(await backendVerdict(url, null), url).toMatchObject({ allowed: false })
  }
})

test(`both engines would fetch each of ${allowed.length} URLs that must be allowed`, async () => {
  expect(allowed.length).toBeGreaterThanOrEqual(50)
  for (const url of allowed) {
    expect(await edgeVerdict(url, null), url).toMatchObject({ allowed: true })
    expect(await backendVerdict(url, null), url).toMatchObject({ allowed: true })
  }
})

test('a name whose addresses are not all public is refused by both', async () => {
  const hosts = new Map([
    ['private.example.com', ['10.0.0.1']],
    ['mixed.example.com', ['93.184.216.34', '169.254.169.254']],
    ['public.example.com', ['93.184.216.34']],
  ])
  const verdicts = async (host: string) => {
    const url = `https://${host}/a.png`
    return [(await edgeVerdict(url, hosts)).allowed, (await backendVerdict(url, hosts)).allowed]
  }
  expect(await verdicts('private.example.com')).toEqual([false, false])
  expect(await verdicts('mixed.example.com')).toEqual([false, false])
  expect(await verdicts('unknown.example.com')).toEqual([false, false])
  expect(await verdicts('public.example.com')).toEqual([true, true])
})

/** Follows from a public URL with these answers; returns what was asked for, and how it ended. */
async function follow(answers: readonly Response[]) {
  const asked: string[] = []
  const rest = answers[Symbol.iterator]()
  const fetch = async (url: string) => {
    asked.push(url)
    return rest.next().value ?? new Response('nothing more', { status: 404 })
  }
  const out = new ByteWriter(new HeldBytes(new ByteBudget(1e6), 1e6), 0)
  const signal = new AbortController().signal
  const options = { fetch, policy: publicUrlPolicy, maxImageBytes: 1e6, param: 'image', signal }
  const error = await fetchImage('https://example.com/a.png', out, options).catch((caught: unknown) => caught)
  return { asked, code: error instanceof ApiError ? error.code : null }
}

const redirectTo = (location: string, status = 302) => new Response(null, { status, headers: { location } })

test.each([301, 302, 303, 307, 308])(
  'no redirect with status %i leads where the first URL may not',
  async (status) => {
    for (const target of refused.filter((url) => URL.canParse(url, 'https://example.com/'))) {
      const { hostname, protocol } = new URL(target, 'https://example.com/a.png')
      // A path of the same site; and what no header can carry.
      if ((hostname === 'example.com' && protocol === 'https:') || /[^\x21-\x7e]/.test(target)) continue
      const { asked, code } = await follow([redirectTo(target, status)])
      expect(asked, target).toEqual(['https://example.com/a.png'])
      expect(code, target).toBe('image_fetch_failed')
    }
  },
)

test('redirects end after three, and never go from https to http', async () => {
  const endless = Array.from({ length: 9 }, (_, n) => redirectTo(`https://example.com/${n}`))
  expect(await follow(endless)).toMatchObject({ asked: { length: 4 }, code: 'image_fetch_failed' })
  expect((await follow([redirectTo('http://example.com/')])).asked).toHaveLength(1)
})

test.each([
  ['a page', new Response('<html>', { headers: { 'content-type': 'text/html' } })],
  ['an error', new Response('secret', { status: 500 })],
  ['a compressed answer', new Response('x', { headers: { 'content-encoding': 'gzip' } })],
  ['nothing', new Response('')],
  ['no picture', new Response('hello world, this is text')],
])('%s is refused, and nothing of it told', async (_, response) => {
  expect((await follow([response])).code).toBe('image_fetch_failed')
})
