import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HubName } from '../../../backend/hub/hub.ts'
import { isLarge, standInApis } from './stand-in-api.ts'

/** What goes wrong with one answer that should carry a file; a number is a status. */
export type Fault =
  | 'cut'
  | 'stall'
  | 'garble'
  | 'ignore-range'
  | 'wrong-range'
  | 'login-page'
  | 'endless'
  | number

export interface SeenRequest {
  /** Name of the file asked for; null: the API. */
  readonly file: string | null
  readonly range: string | null
  readonly credentials: string | null
  readonly host: 'hub' | 'storage'
}

export interface StandInOptions {
  readonly repo: string
  /** Contents of the repository; may be changed between two pulls. */
  readonly files: Map<string, Uint8Array>
  /** What the repository is shown to; null: everybody. */
  readonly token?: string
}

/**
 * Speaks a hub's API on loopback, over one repository. Large files are redirected to storage on another origin which,
 * like the real ones, refuses requests that carry the hub's credentials.
 */
export class StandInHub {
  readonly requests: SeenRequest[] = []
  /** Bytes of files sent so far. */
  sentBytes = 0
  /** Decides about every answer that should carry a file; `nth` counts the file's requests from 1. */
  fault: (file: string, nth: number) => Fault | null = () => null
  /** Status of every answer of the API; null: as it should be. */
  refuse: number | null = null
  /** Has the last word on what the API lists. */
  tamper: (listing: unknown[]) => unknown[] = (listing) => listing
  readonly #kind: HubName
  readonly #options: StandInOptions
  readonly #asked = new Map<string, number>()
  readonly #hub = createServer((request, response) => this.#answer(request, response))
  readonly #storage = createServer((request, response) => this.#answerStorage(request, response))

  private constructor(kind: HubName, options: StandInOptions) {
    this.#kind = kind
    this.#options = options
  }

  static async start(kind: HubName, options: StandInOptions): Promise<StandInHub> {
    const hub = new StandInHub(kind, options)
    for (const server of [hub.#hub, hub.#storage]) {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
    }
    return hub
  }

  get url() {
    return address(this.#hub)
  }

  requestsOf(file: string) {
    return this.requests.filter((request) => request.file === file)
  }

  async close() {
    for (const server of [this.#hub, this.#storage]) {
      if (!server.listening) continue
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse) {
    const { repo, files, token } = this.#options
    const api = standInApis[this.#kind]
    const route = api.route(new URL(request.url ?? '/', this.url), repo)
    const credentials = this.#see(request, route?.type === 'file' ? route.file : null, 'hub')
    if (route?.type !== 'file' && this.refuse !== null) return this.#fail(response, this.refuse)
    if (token !== undefined && credentials !== api.credentials(token)) {
      return this.#fail(response, api.hidden(credentials !== null))
    }
    // Strangers cannot tell a private repository from none.
    if (route === null) return this.#fail(response, api.hidden(credentials !== null))
    if (route.type === 'file') return this.#answerFile(route.file, request, response)
    const { body, next } = route.answer(this.tamper(api.listing(files)), this.url)
    if (next !== null) response.setHeader('link', `<${next}>; rel="next"`)
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }

  #answerFile(file: string, request: IncomingMessage, response: ServerResponse) {
    if (!isLarge(file)) return this.#send(file, request, response)
    response.writeHead(302, { location: `${address(this.#storage)}/${encodeURIComponent(file)}` }).end()
  }

  #answerStorage(request: IncomingMessage, response: ServerResponse) {
    const file = decodeURIComponent((request.url ?? '/').slice(1))
    const credentials = this.#see(request, file, 'storage')
    if (credentials === null) this.#send(file, request, response)
    else this.#fail(response, 400)
  }

  #see({ headers }: IncomingMessage, file: string | null, host: SeenRequest['host']) {
    const credentials = headers.authorization ?? headers.cookie ?? null
    this.requests.push({ file, range: headers.range ?? null, credentials, host })
    return credentials
  }

  #fail(response: ServerResponse, status: number) {
    response
      .writeHead(status, { 'content-type': 'application/json', 'retry-after': '0' })
      .end('{"error":"no"}')
  }

  #send(file: string, { headers }: IncomingMessage, response: ServerResponse) {
    const nth = (this.#asked.get(file) ?? 0) + 1
    this.#asked.set(file, nth)
    const fault = this.fault(file, nth)
    const bytes = this.#options.files.get(file)
    if (bytes === undefined) return this.#fail(response, 404)
    if (typeof fault === 'number') return this.#fail(response, fault)
    if (fault === 'login-page') return response.writeHead(200, { 'content-length': 6 }).end('<html>')
    if (fault === 'endless') return this.#pour(response.writeHead(200))
    const asked = fault === 'ignore-range' ? 0 : Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
    const from = fault === 'wrong-range' && asked > 0 ? asked - 1 : asked
    const body = Buffer.from(bytes.subarray(from))
    if (fault === 'garble') flipLastBit(body)
    const range = from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': body.length, ...range })
    const sent = fault === 'cut' || fault === 'stall' ? body.subarray(0, Math.ceil(body.length / 2)) : body
    this.sentBytes += sent.length
    if (sent === body) return response.end(body)
    response.write(sent, () => {
      if (fault === 'cut') response.destroy()
    })
  }

  #pour(response: ServerResponse) {
    const chunk = Buffer.alloc(64 * 1024)
    const pour = () => {
      do this.sentBytes += chunk.length
      while (!response.destroyed && response.write(chunk))
    }
    response.on('drain', pour)
    pour()
  }
}

export function flipLastBit(bytes: Buffer) {
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
}

function address(server: Server) {
  // Both servers listen on TCP ports.
  const { port } = server.address() as AddressInfo
  return `http://127.0.0.1:${port}`
}
