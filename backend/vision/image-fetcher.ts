import { Client, type Dispatcher } from 'undici'
import { ApiError } from '../../shared/errors.ts'
import { checkUrl, type UrlPolicy, type UrlVerdict } from '../../shared/url-rules.ts'
import type { JudgeSize, PictureLimits } from './picture.ts'
import { type ConnectorFactory, pinnedConnector } from './pinned-connector.ts'
import { receivePicture, type Throughput } from './receive-picture.ts'
import { addressesOf, type Lookup, lookupHost } from './resolve-host.ts'
import { Semaphore, SemaphoreFullError } from './semaphore.ts'

export interface FetchLimits extends PictureLimits, Throughput {
  readonly connectTimeoutMs: number
  /** From the connection to the end of the answer's headers. */
  readonly headersTimeoutMs: number
  /** Everything, redirects included. */
  readonly totalTimeoutMs: number
  readonly maxRedirects: number
  /** Pictures fetched at once by the whole process: each may hold maxBytes. */
  readonly maxConcurrent: number
  readonly maxWaiting: number
}

export const defaultFetchLimits = {
  connectTimeoutMs: 3000,
  headersTimeoutMs: 5000,
  totalTimeoutMs: 15_000,
  minBytesPerSecond: 10_000,
  graceMs: 3000,
  maxRedirects: 3,
  maxConcurrent: 16,
  maxWaiting: 64,
} as const satisfies Omit<FetchLimits, keyof PictureLimits>

export interface ImageFetcherOptions {
  readonly policy: UrlPolicy
  readonly limits: FetchLimits
  readonly lookup?: Lookup
  readonly connect?: ConnectorFactory
}

export interface FetchOptions {
  /** The request's field that holds the URL. */
  readonly param: string
  readonly signal: AbortSignal
  readonly judge?: JudgeSize | undefined
}

type AllowedUrl = Extract<UrlVerdict, { type: 'allowed' }>

const maxAnswerHeaderBytes = 16 * 1024
const redirectStatuses: readonly number[] = [301, 302, 303, 307, 308]
const refusedContentTypes = /^(?:text\/html|application\/(?:json|xhtml\+xml)|image\/svg)/i

/** No credentials, no cookies, nothing of the caller's; uncompressed, so that no bomb can hide. */
const requestHeaders = {
  accept: 'image/*',
  'accept-encoding': 'identity',
  'user-agent': 'GLM-4.6V-Flash-WEB',
}

/**
 * Fetches pictures from URLs strangers name, without becoming their way into this network: the URL is judged before
 * anything is asked, every address of its host before one is dialled, the connection goes to exactly those addresses,
 * and a redirect begins it all anew. What the other side answered is never told.
 */
export class ImageFetcher {
  readonly #policy: UrlPolicy
  readonly #limits: FetchLimits
  readonly #lookup: Lookup
  readonly #connect: ConnectorFactory
  readonly #semaphore: Semaphore

  constructor({ policy, limits, lookup = lookupHost, connect = pinnedConnector }: ImageFetcherOptions) {
    this.#policy = policy
    this.#limits = limits
    this.#lookup = lookup
    this.#connect = connect
    this.#semaphore = new Semaphore(limits.maxConcurrent, limits.maxWaiting)
  }

  /**
   * The bytes behind a URL; they begin like a supported picture and are within the limits.
   * @throws {ApiError} invalid_image_url, image_fetch_failed, image_too_large, queue_full; what `judge` throws
   * @throws the signal's reason when it is aborted
   */
  async fetch(url: string, options: FetchOptions): Promise<Uint8Array> {
    const { param, signal } = options
    const verdict = checkUrl(url, this.#policy)
    if (verdict.type === 'refused') {
      throw new ApiError('invalid_image_url', `the URL is refused: ${verdict.reason}`, { param })
    }
    try {
      return await this.#semaphore.run(() => this.#follow(verdict, options), signal)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw error instanceof ApiError ? error : this.#translate(error, param)
    }
  }

  async #follow(first: AllowedUrl, options: FetchOptions): Promise<Uint8Array> {
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(this.#limits.totalTimeoutMs)])
    let target = first
    for (let redirects = 0; redirects <= this.#limits.maxRedirects; redirects++) {
      const result = await this.#visit(target, { ...options, signal })
      if (result instanceof Uint8Array) return result
      target = result
    }
    throw new Error('too many redirects')
  }

  /** One hop: the picture, or where to go next. */
  async #visit(target: AllowedUrl, { param, signal, judge }: FetchOptions): Promise<Uint8Array | AllowedUrl> {
    const addresses = await unlessAborted(addressesOf(target, this.#lookup), signal)
    const { connectTimeoutMs, headersTimeoutMs } = this.#limits
    const client = new Client(target.url.origin, {
      connect: this.#connect(addresses, connectTimeoutMs),
      maxHeaderSize: maxAnswerHeaderBytes,
      bodyTimeout: headersTimeoutMs,
    })
    const headersLate = new AbortController()
    // one deadline over the connection and the headers, however slowly they trickle
    const timer = setTimeout(
      () => headersLate.abort(new Error('no answer in time')),
      connectTimeoutMs + headersTimeoutMs,
    )
    try {
      const response = await client.request({
        method: 'GET',
        path: `${target.url.pathname}${target.url.search}`,
        headers: requestHeaders,
        signal: AbortSignal.any([signal, headersLate.signal]),
      })
      clearTimeout(timer)
      if (redirectStatuses.includes(response.statusCode)) return this.#redirect(target, response)
      refuseByHeaders(response)
      return await receivePicture(response.body, this.#limits, this.#limits, param, judge)
    } finally {
      clearTimeout(timer)
      await client.destroy()
    }
  }

  /** @throws {Error} the redirect leads nowhere, to a refused URL, or from https to http */
  #redirect({ url }: AllowedUrl, { headers }: Dispatcher.ResponseData): AllowedUrl {
    const { location } = headers
    if (typeof location !== 'string' || !URL.canParse(location, url.href))
      throw new Error('a redirect leads nowhere')
    const next = checkUrl(new URL(location, url).href, this.#policy)
    if (next.type === 'refused') throw new Error(`a redirect is refused: ${next.reason}`)
    if (url.protocol === 'https:' && next.url.protocol !== 'https:')
      throw new Error('a redirect leaves https')
    return next
  }

  #translate(error: unknown, param: string): ApiError {
    if (error instanceof SemaphoreFullError) {
      const retryAfterS = Math.ceil(this.#limits.totalTimeoutMs / 1000)
      return new ApiError('queue_full', 'too many pictures are being fetched', { retryAfterS })
    }
    const seconds = this.#limits.totalTimeoutMs / 1000
    const message = `the URL must answer with status 200 and a JPEG, PNG, WebP or GIF picture within ${seconds} s`
    return new ApiError('image_fetch_failed', message, { param, cause: error })
  }
}

function refuseByHeaders({ statusCode, headers }: Dispatcher.ResponseData): void {
  if (statusCode !== 200) throw new Error(`the answer has status ${statusCode}`)
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw new Error('the answer is compressed')
  if (refusedContentTypes.test(String(headers['content-type'] ?? '')))
    throw new Error('the answer is a page, not a picture')
}

/** Stops waiting for what cannot be cancelled itself. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', onAbort))
}
