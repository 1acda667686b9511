import { describe, expect, test } from 'vitest'
import { checkUrl, publicUrlPolicy, type UrlPolicy } from '../../shared/url-rules.ts'
import { readUrlList } from '../support/read-url-list.ts'

const refused = readUrlList('refused.txt')
const allowed = readUrlList('allowed.txt')

test('the corpora are as large as promised', () => {
  expect(new Set(refused).size).toBeGreaterThanOrEqual(200)
  expect(new Set(allowed).size).toBeGreaterThanOrEqual(50)
})

test.each(refused)('refuses %j', (url) => {
  expect(checkUrl(url, publicUrlPolicy).type).toBe('refused')
})

test.each(allowed)('allows %j', (url) => {
  expect(checkUrl(url, publicUrlPolicy)).toMatchObject({ type: 'allowed', trusted: false })
})

describe('what an operator may decide', () => {
  const verdict = (url: string, policy: Partial<UrlPolicy>) =>
    checkUrl(url, { ...publicUrlPolicy, ...policy })

  test.each([
    ['http://127.0.0.1:8081/a.png', '127.0.0.1:8081'],
    ['http://[::1]:8081/a.png', '[::1]:8081'],
    ['http://minio:9000/bucket/a.png', 'minio:9000'],
    ['https://images.internal/a.png', 'images.internal'],
    ['http://IMAGES.internal./a.png', 'Images.Internal'],
    ['http://localhost/a.png', 'localhost'],
    ['https://example.com:8443/a.png', 'example.com:8443'],
  ])('%s is trusted when %s is listed', (url, host) => {
    expect(verdict(url, { trustedHosts: [host] })).toMatchObject({ type: 'allowed', trusted: true })
  })

  test.each([
    ['http://127.0.0.1:8082/', '127.0.0.1:8081', 'another port'],
    ['http://127.0.0.1/', '127.0.0.1:8081', 'the default port'],
    ['http://127.0.0.1:8081/', '127.0.0.1', 'a port that is not open to all'],
    ['http://a.images.internal/', 'images.internal', 'a host below'],
    ['http://localhost/', '127.0.0.1', 'another name of the same address'],
    ['http://2130706433/', '127.0.0.1', 'a disguised spelling'],
    ['http://user@images.internal/', 'images.internal', 'a user name'],
    ['ftp://images.internal/', 'images.internal', 'another scheme'],
  ])('%s is refused although %s is listed: %s', (url, host) => {
    expect(verdict(url, { trustedHosts: [host] }).type).toBe('refused')
  })

  test('plain http can be forbidden, but for trusted hosts', () => {
    expect(verdict('http://example.com/', { allowHttp: false }).type).toBe('refused')
    expect(verdict('https://example.com/', { allowHttp: false }).type).toBe('allowed')
    expect(verdict('http://minio/', { allowHttp: false, trustedHosts: ['minio'] }).type).toBe('allowed')
  })

  test('further ports can be opened for every public host, and only for them', () => {
    expect(verdict('https://example.com:8443/', { ports: [8443] }).type).toBe('allowed')
    expect(verdict('https://127.0.0.1:8443/', { ports: [8443] }).type).toBe('refused')
    expect(verdict('https://minio:8443/', { ports: [8443], trustedHosts: ['minio'] }).type).toBe('allowed')
  })
})

test('what is allowed is used as parsed: lower case, no fragment, no brackets, no trailing dot', () => {
  expect(checkUrl('HTTPS://Example.COM./A#b', publicUrlPolicy)).toMatchObject({
    host: 'example.com',
    hostType: 'name',
  })
  expect(checkUrl('https://[2606:4700:0::1]/', publicUrlPolicy)).toMatchObject({
    host: '2606:4700::1',
    hostType: 'address',
  })
  const verdict = checkUrl('https://example.com/a?b#c', publicUrlPolicy)
  expect(verdict.type === 'allowed' && verdict.url.href).toBe('https://example.com/a?b')
})

test('a URL of 2,048 characters is allowed, a longer one refused', () => {
  const longest = 'https://example.com/'.padEnd(2048, 'a')
  expect(checkUrl(longest, publicUrlPolicy).type).toBe('allowed')
  expect(checkUrl(`${longest}a`, publicUrlPolicy).type).toBe('refused')
})
