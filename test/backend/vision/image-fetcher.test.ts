import { expect, test } from 'vitest'
import { ImageFetcher } from '../../../backend/vision/image-fetcher.ts'
import { checkUrl, publicUrlPolicy } from '../../../shared/url-rules.ts'
import { readUrlList } from '../../support/read-url-list.ts'
import { fetcherOn, picture, startSite, startTlsSite, testLimits } from './support/picture-site.ts'

const publicAddress = '93.184.216.34'
const otherAddress = '151.101.1.140'
const whole = { param: 'image', signal: new AbortController().signal }

test('no URL of the refused corpus leads to a look-up or a dial', async () => {
  const { fetch, dials, lookups } = fetcherOn({})
  for (const url of readUrlList('refused.txt')) {
    await expect(fetch(url), url).rejects.toMatchObject({
      code: 'invalid_image_url',
      param: 'image',
      status: 400,
    })
  }
  expect(dials).toEqual([])
  expect(lookups).toEqual([])
})

test('a redirect to any URL of the refused corpus is not followed', async () => {
  const targets = readUrlList('refused.txt').filter(
    (url) => /^[a-z][a-z+.-]*:\/\//i.test(url) && URL.canParse(url),
  )
  let target = ''
  const port = await startSite((_request, response) => response.writeHead(302, { location: target }).end())
  const { fetch, dials } = fetcherOn({ names: { 'example.com': [[publicAddress]] }, port })
  for (target of targets) {
    // a header cannot hold all of these characters; parsed, some are plain and public, which the others' test covers
    target = new URL(target).href
    if (checkUrl(target, publicUrlPolicy).type === 'allowed') continue
    await expect(fetch('http://example.com/'), target).rejects.toMatchObject({ code: 'image_fetch_failed' })
  }
  expect(new Set(dials.map(({ host }) => host))).toEqual(new Set(['example.com']))
  expect(dials.length).toBeGreaterThan(200)
})

test('every public address a name has may be dialled, and no other', async () => {
  const port = await startSite((_request, response) => response.end(picture))
  const { fetch, dials } = fetcherOn({ names: { 'example.com': [[publicAddress, '2606:4700::1111']] }, port })
  expect(await fetch('http://example.com/a.png')).toEqual(new Uint8Array(picture))
  expect(dials).toEqual([{ host: 'example.com', addresses: [publicAddress, '2606:4700::1111'] }])
})

test.each([
  ['a private address', ['10.0.0.1']],
  ['one private among public ones', [publicAddress, '192.168.0.1']],
  ['loopback in IPv6', ['::1']],
  ['IPv4 inside IPv6', ['::ffff:169.254.169.254']],
  ['the IPv4-compatible form', ['::7f00:1']],
  ['NAT64', ['64:ff9b::7f00:1']],
  ["a platform's own service", ['168.63.129.16']],
  ['what is no address', ['localhost']],
  ['nothing', []],
])('a name that resolves to %s is not dialled', async (_what, addresses) => {
  const { fetch, dials } = fetcherOn({ names: { 'example.com': [addresses] } })
  await expect(fetch('http://example.com/')).rejects.toMatchObject({ code: 'image_fetch_failed' })
  expect(dials).toEqual([])
})

test('a name is resolved once a hop: what it turns into afterwards is never dialled', async () => {
  const port = await startSite((_request, response) => response.end(picture))
  const { fetch, dials, lookups } = fetcherOn({
    names: { 'example.com': [[publicAddress], ['127.0.0.1']] },
    port,
  })
  await fetch('http://example.com/')
  expect(lookups).toEqual(['example.com'])
  expect(dials).toEqual([{ host: 'example.com', addresses: [publicAddress] }])
  await expect(fetch('http://example.com/')).rejects.toMatchObject({ code: 'image_fetch_failed' })
  expect(dials).toHaveLength(1)
})

test.each([301, 302, 303, 307, 308])('a redirect (%i) is judged and resolved anew', async (status) => {
  const port = await startSite((request, response) => {
    if (request.url === '/moved')
      response.writeHead(status, { location: 'http://other.example.org/a.png' }).end()
    else response.end(picture)
  })
  const names = { 'example.com': [[publicAddress]], 'other.example.org': [[otherAddress]] }
  const { fetch, dials } = fetcherOn({ names, port })
  expect(await fetch('http://example.com/moved')).toEqual(new Uint8Array(picture))
  expect(dials).toEqual([
    { host: 'example.com', addresses: [publicAddress] },
    { host: 'other.example.org', addresses: [otherAddress] },
  ])
})

test.each([
  ['/next', 'http://example.com/next'],
  ['next?x=1', 'http://example.com/a/next?x=1'],
  ['//example.com/next', 'http://example.com/next'],
  ['https://example.com/next', 'https://example.com/next'],
])('a redirect to %s leads to %s', async (location, expected) => {
  const visited: string[] = []
  const port = await startSite((request, response) => {
    visited.push(`${request.headers.host}${request.url}`)
    if (visited.length === 1) response.writeHead(302, { location }).end()
    else response.end(picture)
  })
  const { fetch } = fetcherOn({ names: { 'example.com': [[publicAddress]] }, port })
  await fetch('http://example.com/a/first')
  expect(visited[1]).toBe(expected.replace(/^https?:\/\//, ''))
})

test.each([
  ['to a private address', 'http://10.0.0.1/'],
  ['to a disguised one', 'http://0x7f.1/'],
  ['with a user name', 'http://user@example.com/'],
  ['to another scheme', 'file:///etc/passwd'],
  ['to a closed port', 'http://example.com:22/'],
  ['protocol-relative to a private address', '//169.254.169.254/'],
  ['to a name that resolves to a private address', 'http://inside.example.com/'],
  ['to nowhere', 'http://'],
  ['from https to http', 'http://example.com/a.png'],
])('a redirect %s is refused', async (_what, location) => {
  const port = await startSite((_request, response) => response.writeHead(302, { location }).end())
  const names = { 'example.com': [[publicAddress]], 'inside.example.com': [['10.0.0.1']] }
  const { fetch, dials } = fetcherOn({ names, port })
  await expect(fetch('https://example.com/')).rejects.toMatchObject({ code: 'image_fetch_failed' })
  expect(dials).toHaveLength(1)
})

test('a redirect without a location and a loop of redirects end', async () => {
  const port = await startSite((request, response) => {
    response.writeHead(302, request.url === '/loop' ? { location: '/loop' } : {}).end()
  })
  const { fetch, dials } = fetcherOn({ names: { 'example.com': [[publicAddress]] }, port })
  await expect(fetch('http://example.com/')).rejects.toMatchObject({ code: 'image_fetch_failed' })
  await expect(fetch('http://example.com/loop')).rejects.toMatchObject({ code: 'image_fetch_failed' })
  expect(dials).toHaveLength(1 + 1 + testLimits.maxRedirects)
})

test('the request carries nothing of the caller and asks for no compression, on every hop', async () => {
  const seen: (readonly string[])[] = []
  const port = await startSite((request, response) => {
    seen.push(request.rawHeaders)
    if (request.url === '/') response.writeHead(302, { location: '/a.png', 'set-cookie': 'a=b' }).end()
    else response.end(picture)
  })
  const { fetch } = fetcherOn({ names: { 'example.com': [[publicAddress]] }, port })
  await fetch('http://example.com/')
  const ours = ['accept', 'image/*', 'accept-encoding', 'identity', 'user-agent', 'GLM-4.6V-Flash-WEB']
  expect(seen).toEqual(Array(2).fill(['host', 'example.com', 'connection', expect.any(String), ...ours]))
})

test('an operator can trust a host on loopback, through the real resolver and connector', async () => {
  const port = await startSite((_request, response) => response.end(picture))
  for (const host of ['127.0.0.1', 'localhost']) {
    const url = `http://${host}:${port}/a.png`
    const policy = { ...publicUrlPolicy, trustedHosts: [`${host}:${port}`] }
    const trusting = new ImageFetcher({ policy, limits: testLimits })
    expect(await trusting.fetch(url, whole)).toEqual(new Uint8Array(picture))
  }
})

test('the real connector goes to the address that was checked, whatever the name', async () => {
  const hosts: (string | undefined)[] = []
  const port = await startSite((request, response) => {
    hosts.push(request.headers.host)
    response.end(picture)
  })
  const fetcher = new ImageFetcher({
    policy: { ...publicUrlPolicy, trustedHosts: [`example.com:${port}`] },
    limits: testLimits,
    lookup: async () => [{ address: '127.0.0.1', family: 4 }],
  })
  await fetcher.fetch(`http://example.com:${port}/`, whole)
  expect(hosts).toEqual([`example.com:${port}`])
})

test('a pinned connection over TLS still asks for the name, and for a certificate that proves it', async () => {
  const asked = Promise.withResolvers<string>()
  const port = await startTlsSite((name) => asked.resolve(name))
  const fetcher = new ImageFetcher({
    policy: { ...publicUrlPolicy, trustedHosts: [`example.com:${port}`] },
    limits: testLimits,
    lookup: async () => [{ address: '127.0.0.1', family: 4 }],
  })
  await expect(fetcher.fetch(`https://example.com:${port}/`, whole)).rejects.toMatchObject({
    code: 'image_fetch_failed',
  })
  expect(await asked.promise).toBe('example.com')
})
