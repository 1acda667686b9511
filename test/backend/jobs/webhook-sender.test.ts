import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { WebhookSender } from '../../../backend/jobs/webhook-sender.ts'
import { type ConnectorFactory, pinnedConnector } from '../../../backend/vision/pinned-connector.ts'
import type { Lookup } from '../../../backend/vision/resolve-host.ts'
import { publicUrlPolicy } from '../../../shared/url-rules.ts'

const cleanUps: (() => unknown)[] = []
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp()
})

const forever = new AbortController().signal

/** A sender whose every dial is counted, and whose names resolve as told. */
function watched(addresses: readonly string[], trustedHosts: readonly string[] = []) {
  const dials: string[] = []
  const connect: ConnectorFactory = (targets, timeoutMs) => {
    const dial = pinnedConnector(targets, timeoutMs)
    return (options, callback) => {
      dials.push(String(options.hostname))
      return dial(options, callback)
    }
  }
  const lookup: Lookup = async () => addresses.map((address) => ({ address, family: 4 as const }))
  const sender = new WebhookSender({ policy: { ...publicUrlPolicy, trustedHosts }, lookup, connect })
  return { sender, dials }
}

async function receiver(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUps.push(
    () => server.closeAllConnections(),
    () => server.close(),
  )
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('what is not on the public internet is never dialled, whatever name or spelling leads there', async () => {
  const urls = [
    'http://127.0.0.1/',
    'http://[::1]/',
    'http://169.254.169.254/latest/meta-data',
    'http://2130706433/',
    'http://localhost/',
    'http://redis:6379/',
    'gopher://example.com/',
    'http://user@example.com/',
    'http://example.com:6379/',
  ]
  const { sender, dials } = watched(['127.0.0.1'])
  for (const url of urls) {
    expect(() => sender.check(url), url).toThrow('webhook')
    await expect(sender.post(url, {}, '{}', forever), url).rejects.toThrow()
  }
  // The URL is fine, its name leads inside; one private address condemns the public one beside it.
  await expect(sender.post('https://example.com/hook', {}, '{}', forever)).rejects.toThrow('not public')
  const mixed = watched(['93.184.216.34', '10.0.0.1'])
  await expect(mixed.sender.post('https://example.com/hook', {}, '{}', forever)).rejects.toThrow('not public')
  expect([...dials, ...mixed.dials]).toEqual([])
})

test('a redirect is a refusal: nothing is posted a second time', async () => {
  let posts = 0
  const host = await receiver((_, response) => {
    posts += 1
    response.writeHead(307, { location: '/elsewhere' }).end()
  })
  const { sender } = watched(['127.0.0.1'], [host])
  await expect(sender.post(`http://${host}/hook`, {}, '{}', forever)).rejects.toThrow('307')
  expect(posts).toBe(1)
})

test('an answer without end costs nothing: its status is all that is read', async () => {
  const host = await receiver((_, response) => {
    response.writeHead(200)
    response.write('x'.repeat(1000)) // and never ends
  })
  const { sender, dials } = watched(['127.0.0.1'], [host])
  await sender.post(`http://${host}/hook`, { 'webhook-id': 'a' }, '{}', forever)
  expect(dials).toEqual(['127.0.0.1'])
})
