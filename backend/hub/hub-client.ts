import { env } from 'node:process'
import { EnvHttpProxyAgent, fetch as undiciFetch } from 'undici'
import type { NetworkLimits } from './retry.ts'

type Fetch = typeof globalThis.fetch

/** HTTP to one hub: proxies from the environment, deadlines, and a token that never leaves the hub's own origin. */
export interface HubClient {
  /** For the hub's API: small answers, a deadline for the whole. */
  readonly api: Fetch
  /** For files of any size: a deadline for every silence. */
  readonly file: Fetch
  close(): Promise<void>
}

export interface HubClientOptions {
  readonly hubUrl: string
  /** Sent to the hub's origin only. */
  readonly credentials: Readonly<Record<string, string>>
  readonly limits: NetworkLimits
  readonly signal: AbortSignal
}

const API_TIMEOUT_MS = 120_000
const MAX_API_BYTES = 32 * 1024 * 1024

export function createHubClient({ hubUrl, credentials, limits, signal }: HubClientOptions): HubClient {
  const { origin } = new URL(hubUrl)
  const api = createAgent(limits, MAX_API_BYTES)
  const file = createAgent(limits, -1)
  const request = (dispatcher: EnvHttpProxyAgent, timeoutMs: number | null): Fetch => {
    const send = (url: string | URL | Request, init: RequestInit = {}) => {
      const headers = new Headers(init.headers)
      headers.set('user-agent', 'glm-4.6v-flash-web')
      // A range of a compressed answer would not be a range of the file.
      headers.set('accept-encoding', 'identity')
      const target = url instanceof Request ? url.url : url
      // A listing may name its next page anywhere. (On redirects fetch itself drops these headers.)
      if (new URL(target).origin === origin) {
        for (const [name, value] of Object.entries(credentials)) headers.set(name, value)
      }
      const deadlines = [signal]
      if (init.signal) deadlines.push(init.signal)
      if (timeoutMs !== null) deadlines.push(AbortSignal.timeout(timeoutMs))
      return undiciFetch(target, { headers: [...headers], signal: AbortSignal.any(deadlines), dispatcher })
    }
    // Node's global fetch is undici's: the same classes at run time, declared twice.
    return send as unknown as Fetch
  }
  return {
    api: request(api, API_TIMEOUT_MS),
    file: request(file, null),
    close: async () => {
      // Downloads given up half-way leave connections that `close` would wait for.
      await Promise.all([api.destroy(), file.destroy()])
    },
  }
}

function createAgent({ connectTimeoutMs, stallTimeoutMs }: NetworkLimits, maxResponseSize: number) {
  return new EnvHttpProxyAgent({
    connect: { timeout: connectTimeoutMs },
    headersTimeout: stallTimeoutMs,
    bodyTimeout: stallTimeoutMs,
    maxResponseSize,
    // Many large downloads over one HTTP/2 connection share its small flow-control window.
    allowH2: false,
    noProxy: `${env['no_proxy'] ?? env['NO_PROXY'] ?? ''},localhost,127.0.0.1,::1`,
  })
}
