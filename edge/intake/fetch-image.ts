import { ApiError } from '../../shared/errors.ts'
import { readImageHeader } from '../../shared/image-header.ts'
import { checkUrl, type UrlPolicy, type UrlVerdict } from '../../shared/url-rules.ts'
import type { ByteWriter } from './byte-writer.ts'

export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface FetchOptions {
  readonly fetch: Fetch
  readonly policy: UrlPolicy
  readonly maxImageBytes: number
  /** The request's field that holds the URL. */
  readonly param: string
  readonly signal: AbortSignal
}

type AllowedUrl = Extract<UrlVerdict, { type: 'allowed' }>

const maxRedirects = 3
const totalTimeoutMs = 15_000
const redirectStatuses: readonly number[] = [301, 302, 303, 307, 308]
const refusedContentTypes = /^(?:text\/|application\/(?:json|xhtml\+xml)|image\/svg)/i

/** No credentials, no cookies, nothing of the caller's; uncompressed, so that no bomb can hide. */
const requestHeaders = {
  accept: 'image/*',
  'accept-encoding': 'identity',
  'user-agent': 'GLM-4.6V-Flash-WEB',
}

/**
 * The verdict on a URL as the edge gives it before anything is asked of anybody.
 * @throws ApiError `invalid_image_url`
 */
export function requireAllowedUrl(url: string, policy: UrlPolicy, param: string): AllowedUrl {
  const verdict = checkUrl(url, policy)
  if (verdict.type === 'allowed') return verdict
  throw new ApiError('invalid_image_url', `the URL is refused: ${verdict.reason}`, { param })
}

/**
 * Fetches a picture into `out`. Each hop is judged anew; what the other side answered is never told.
 * @throws ApiError `invalid_image_url`, `image_fetch_failed`, `image_too_large`; what `out` throws when it is full
 */
export async function fetchImage(url: string, out: ByteWriter, options: FetchOptions): Promise<void> {
  const first = requireAllowedUrl(url, options.policy, options.param)
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(totalTimeoutMs)])
  try {
    const response = await follow(first, signal, options)
    await receive(response, out, options)
  } catch (cause) {
    if (cause instanceof ApiError) throw cause
    const message = `the URL must answer with status 200 and a JPEG, PNG, WebP or GIF picture within ${totalTimeoutMs / 1000} s`
    throw new ApiError('image_fetch_failed', message, { param: options.param, cause })
  }
}

async function follow(
  first: AllowedUrl,
  signal: AbortSignal,
  { fetch, policy }: FetchOptions,
): Promise<Response> {
  let target = first
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const response = await fetch(target.url.href, { headers: requestHeaders, redirect: 'manual', signal })
    if (!redirectStatuses.includes(response.status)) return response
    await response.body?.cancel()
    target = nextTarget(target, response.headers.get('location'), policy)
  }
  throw new Error('too many redirects')
}

function nextTarget({ url }: AllowedUrl, location: string | null, policy: UrlPolicy): AllowedUrl {
  if (location === null || !URL.canParse(location, url.href)) throw new Error('a redirect leads nowhere')
  const next = checkUrl(new URL(location, url.href).href, policy)
  if (next.type === 'refused') throw new Error(`a redirect is refused: ${next.reason}`)
  if (url.protocol === 'https:' && next.url.protocol !== 'https:') throw new Error('a redirect leaves https')
  return next
}

/** Counts the bytes as they come; the header is looked at as soon as it is there. */
async function receive(response: Response, out: ByteWriter, { maxImageBytes, param }: FetchOptions) {
  const { status, headers, body } = response
  const encoding = headers.get('content-encoding') ?? 'identity'
  const usable =
    status === 200 && encoding === 'identity' && !refusedContentTypes.test(headers.get('content-type') ?? '')
  if (!usable || !body) {
    await body?.cancel()
    throw new Error(`the answer is no picture: status ${status}, encoding ${encoding}`)
  }
  let headerNeeds = 1
  // Leaving the loop early cancels the body, and with it the connection.
  for await (const chunk of body) {
    if (out.length + chunk.length > maxImageBytes) {
      throw new ApiError('image_too_large', `the picture is larger than ${maxImageBytes} bytes`, { param })
    }
    out.append(chunk)
    if (out.length < headerNeeds) continue
    const reading = readImageHeader(out.view())
    if (reading.type === 'refused') throw new Error(`the answer is no picture: ${reading.reason}`)
    headerNeeds = reading.type === 'more' ? reading.bytes : Number.POSITIVE_INFINITY
  }
  if (out.length === 0) throw new Error('the answer is empty')
}
