import { Client } from 'undici'
import { ApiError } from '../../shared/errors.ts'
import { checkUrl, type UrlPolicy } from '../../shared/url-rules.ts'
import { type ConnectorFactory, pinnedConnector } from '../vision/pinned-connector.ts'
import { addressesOf, type Lookup, lookupHost } from '../vision/resolve-host.ts'

export interface WebhookSenderOptions {
  readonly policy: UrlPolicy
  readonly lookup?: Lookup
  readonly connect?: ConnectorFactory
}

const CONNECT_TIMEOUT_MS = 3000
const TOTAL_TIMEOUT_MS = 10_000
const MAX_ANSWER_HEADER_BYTES = 16 * 1024

/**
 * Posts to URLs strangers name, by the rules pictures are fetched by: the URL is judged, then every address of its
 * host, and exactly those are dialled. A redirect is a refusal, and of the answer only its status is read.
 */
export class WebhookSender {
  readonly #policy: UrlPolicy
  readonly #lookup: Lookup
  readonly #connect: ConnectorFactory

  constructor({ policy, lookup = lookupHost, connect = pinnedConnector }: WebhookSenderOptions) {
    this.#policy = policy
    this.#lookup = lookup
    this.#connect = connect
  }

  /** Judges the URL by its text. @throws {ApiError} `invalid_request`. */
  check(url: string): void {
    const verdict = checkUrl(url, this.#policy)
    if (verdict.type === 'allowed') return
    throw new ApiError('invalid_request', `webhook: the URL is refused: ${verdict.reason}`, {
      param: 'webhook',
    })
  }

  /** Resolves when the receiver has answered 2xx. @throws {Error} it has not, or may not be asked. */
  async post(
    url: string,
    headers: Readonly<Record<string, string>>,
    body: string,
    stop: AbortSignal,
  ): Promise<void> {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(TOTAL_TIMEOUT_MS)])
    const verdict = checkUrl(url, this.#policy)
    if (verdict.type === 'refused') throw new Error(`the URL is refused: ${verdict.reason}`)
    const addresses = await unlessAborted(addressesOf(verdict, this.#lookup), signal)
    const client = new Client(verdict.url.origin, {
      connect: this.#connect(addresses, CONNECT_TIMEOUT_MS),
      maxHeaderSize: MAX_ANSWER_HEADER_BYTES,
    })
    try {
      const response = await client.request({
        method: 'POST',
        path: `${verdict.url.pathname}${verdict.url.search}`,
        headers: { ...headers, 'content-type': 'application/json', 'user-agent': 'GLM-4.6V-Flash-WEB' },
        body,
        signal,
      })
      response.body.on('error', () => {}).destroy() // nobody reads it
      if (response.statusCode < 200 || response.statusCode > 299) {
        throw new Error(`the receiver answered ${response.statusCode}`)
      }
    } finally {
      await client.destroy()
    }
  }
}

/** Stops waiting for what cannot be cancelled itself. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', onAbort))
}
