import { isPublicAddress } from './address-rules.ts'
import { whyNotPublicName } from './host-names.ts'

/** What an operator may decide; everything else is fixed. */
export interface UrlPolicy {
  readonly allowHttp: boolean
  /** Ports beside 80 and 443. */
  readonly ports: readonly number[]
  /**
   * `host` or `host:port`, exactly as in a URL (IPv6 in brackets): may be private or single-label, and resolve to
   * anything. A host with a port is trusted on that port alone, one without on the ports open to all.
   */
  readonly trustedHosts: readonly string[]
}

export const publicUrlPolicy: UrlPolicy = { allowHttp: true, ports: [], trustedHosts: [] }

export type UrlVerdict =
  | {
      readonly type: 'allowed'
      /** Use this object alone from here on, never the text it came from. Without fragment. */
      readonly url: URL
      /** Host name or address literal without brackets, lower case, no trailing dot. */
      readonly host: string
      readonly hostType: 'name' | 'address'
      /** Named by the operator: its addresses are not judged. */
      readonly trusted: boolean
    }
  /** `reason` completes "the URL is refused: …" and tells only what the URL itself shows. */
  | { readonly type: 'refused'; readonly reason: string }

const maxUrlLength = 2048
/** Controls, format characters (zero-width, bidi), every kind of space, and the backslash parsers disagree on. */
const forbiddenCharacter = /[\p{Cc}\p{Cf}\p{Z}\\]/u
/** Scheme, then the authority up to the first of / ? #. */
const shape = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]+)/i

/**
 * Decides from its text alone whether a picture may be fetched from a URL. A name that passes must still be resolved
 * and every address of it be public. Gives no exception to redirects: each hop is checked again.
 */
export function checkUrl(raw: string, policy: UrlPolicy): UrlVerdict {
  if (raw.length > maxUrlLength) return refused(`it is longer than ${maxUrlLength} characters`)
  if (forbiddenCharacter.test(raw)) return refused('it holds a space, backslash or invisible character')
  const [, scheme = '', authority = ''] = shape.exec(raw) ?? []
  if (authority === '') return refused('it must begin with https:// or http:// and a host')
  if (authority.includes('@')) return refused('it must not hold a user name or password')
  if (!URL.canParse(raw)) return refused('it is not a valid URL')

  const url = new URL(raw)
  url.hash = ''
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return refused(`scheme ${scheme.toLowerCase()} is not allowed`)
  const trusted = isTrusted(url, policy)
  if (url.protocol === 'http:' && !policy.allowHttp && !trusted) return refused('only https is allowed')
  if (!trusted && !isOpenPort(effectivePort(url), policy))
    return refused(`port ${effectivePort(url)} is not allowed`)
  if (isDisguised(authority, url.hostname)) return refused('its host is not written plainly')

  const host = plainHost(url)
  const hostType = isAddress(url) ? 'address' : 'name'
  if (!trusted) {
    const reason = hostType === 'address' ? whyNotPublicAddress(host) : whyNotPublicName(host)
    if (reason !== null) return refused(reason)
  }
  return { type: 'allowed', url, host, hostType, trusted }
}

function effectivePort(url: URL): number {
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
}

function isOpenPort(port: number, policy: UrlPolicy): boolean {
  return port === 443 || port === 80 || policy.ports.includes(port)
}

function isTrusted(url: URL, policy: UrlPolicy): boolean {
  const port = effectivePort(url)
  const host = withoutTrailingDot(url.hostname)
  return policy.trustedHosts.some((entry) => {
    const trusted = entry.toLowerCase()
    return trusted === `${host}:${port}` || (trusted === host && isOpenPort(port, policy))
  })
}

/**
 * Whether the host as written is another one than the host as parsed: `2130706433`, `0x7f.1`, `%6c`, `①②⑦`. Nobody
 * needs to write an address so but to get it past a check. International names and spellings of IPv6 may differ.
 */
function isDisguised(authority: string, hostname: string): boolean {
  if (hostname.startsWith('[')) return false
  const written = authority.replace(/:\d*$/, '').toLowerCase()
  if (written === hostname) return false
  return !hostname.split('.').some((label) => label.startsWith('xn--')) || /%/.test(written)
}

/** WHATWG's parser has already turned every spelling of an address into its one canonical form. */
function isAddress({ hostname }: URL): boolean {
  return hostname.startsWith('[') || /^\d+\.\d+\.\d+\.\d+\.?$/.test(hostname)
}

function plainHost({ hostname }: URL): string {
  return withoutTrailingDot(hostname.replace(/^\[|\]$/g, ''))
}

function withoutTrailingDot(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host
}

function whyNotPublicAddress(address: string): string | null {
  return isPublicAddress(address) ? null : 'its address is not on the public internet'
}

function refused(reason: string): UrlVerdict {
  return { type: 'refused', reason }
}
