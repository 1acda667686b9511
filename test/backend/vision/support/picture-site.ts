import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createSocketServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { buildConnector } from 'undici'
import { onTestFinished } from 'vitest'
import {
  defaultFetchLimits,
  type FetchLimits,
  ImageFetcher,
} from '../../../../backend/vision/image-fetcher.ts'
import type { HostAddress } from '../../../../backend/vision/resolve-host.ts'
import { publicUrlPolicy, type UrlPolicy } from '../../../../shared/url-rules.ts'

export const picture = readFileSync(
  new URL('../../../fixtures/glm4v-random/expected/case0_0.png', import.meta.url),
)

export const testLimits: FetchLimits = { ...defaultFetchLimits, maxBytes: 1_000_000, maxPixels: 1_000_000 }

/** An HTTP site on a free port of 127.0.0.1, gone when the test ends. */
export function startSite(listener: RequestListener): Promise<number> {
  return listen(createServer(listener))
}

/** The same for what is no HTTP. */
export function startSocketSite(onConnection: (socket: Socket) => void): Promise<number> {
  return listen(createSocketServer(onConnection))
}

/** TLS without a certificate: it hears which name is asked for and then fails. */
export function startTlsSite(onName: (name: string) => void): Promise<number> {
  return listen(
    createTlsServer({
      SNICallback: (name, done) => {
        onName(name)
        done(new Error('no certificate'))
      },
    }),
  )
}

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {}) // the fetcher hangs up on purpose
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port // listening on TCP
}

interface Dial {
  readonly host: string
  readonly addresses: readonly string[]
}

interface Network {
  /** What each name resolves to; asked in turn when a name has several answers. */
  readonly names?: Readonly<Record<string, readonly (readonly string[])[]>>
  /** The site on 127.0.0.1 that answers for every address dialled. */
  readonly port?: number
  readonly policy?: Partial<UrlPolicy>
  readonly limits?: Partial<FetchLimits>
}

/** A fetcher whose name server and connections are the test's: nothing but loopback is ever dialled. */
export function fetcherOn({ names = {}, port, policy = {}, limits = {} }: Network) {
  const dials: Dial[] = []
  const lookups: string[] = []
  const fetcher = new ImageFetcher({
    policy: { ...publicUrlPolicy, ...policy },
    limits: { ...testLimits, ...limits },
    lookup: async (host) => {
      const answers = names[host] ?? []
      const answer =
        answers[Math.min(lookups.filter((name) => name === host).length, answers.length - 1)] ?? []
      lookups.push(host)
      return answer.map((address): HostAddress => ({ address, family: address.includes(':') ? 6 : 4 }))
    },
    connect: (addresses, timeoutMs) => (options, callback) => {
      dials.push({ host: options.hostname, addresses: addresses.map(({ address }) => address) })
      if (port === undefined) return callback(new Error('nobody answers'), null)
      // https is spoken in the clear: what is tested is where connections go
      const target = { protocol: 'http:', hostname: '127.0.0.1', port: String(port) }
      buildConnector({ timeout: timeoutMs })({ ...options, ...target }, callback)
    },
  })
  const fetch = (url: string, leaving = new AbortController()) =>
    fetcher.fetch(url, { param: 'image', signal: leaving.signal })
  return { fetch, dials, lookups }
}
