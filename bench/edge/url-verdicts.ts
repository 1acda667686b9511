import { isIP } from 'node:net'
import { defaultFetchLimits, ImageFetcher } from '../../backend/vision/image-fetcher.ts'
import { ByteBudget, HeldBytes } from '../../edge/intake/byte-budget.ts'
import { ByteWriter } from '../../edge/intake/byte-writer.ts'
import { fetchImage } from '../../edge/intake/fetch-image.ts'
import { isPublicAddress } from '../../shared/address-rules.ts'
import { ApiError } from '../../shared/errors.ts'
import { publicUrlPolicy } from '../../shared/url-rules.ts'

/** What an engine would do with a URL; `reason` is for people. */
export interface Verdict {
  readonly allowed: boolean
  readonly reason: string
}

/** Names and their addresses, in place of DNS; null: names are judged by the rules alone. */
export type Hosts = ReadonlyMap<string, readonly string[]> | null

/** In place of a name's address when only the rules count: public, and never dialled. */
const standInAddress = '93.184.216.34'

class Dialled extends Error {}

/**
 * The edge's verdict: its own fetching code, with a `fetch` that only notes that it was asked. What its network does
 * with the name's addresses (a deployed Worker cannot reach private ones, workerd's network denies them) is added.
 */
export async function edgeVerdict(url: string, hosts: Hosts): Promise<Verdict> {
  let asked: string | null = null
  const out = new ByteWriter(new HeldBytes(new ByteBudget(0), 0), 0)
  const fetch = (target: string) => {
    asked = target
    return Promise.reject(new Dialled())
  }
  const signal = new AbortController().signal
  const options = { fetch, policy: publicUrlPolicy, maxImageBytes: 1, param: 'url', signal }
  const error = await fetchImage(url, out, options).catch((caught: unknown) => caught)
  if (asked === null) return { allowed: false, reason: messageOf(error) }
  const { hostname } = new URL(asked)
  const addresses = isLiteral(hostname) ? [] : (hosts?.get(hostname) ?? (hosts ? null : []))
  if (addresses === null) return { allowed: false, reason: 'its network finds no address' }
  if (!addresses.every(isPublicAddress)) return { allowed: false, reason: 'its network refuses the address' }
  return { allowed: true, reason: 'it would be fetched' }
}

/** The backend's verdict: its own fetcher, with a resolver that knows `hosts` and a connector that only notes the dial. */
export async function backendVerdict(url: string, hosts: Hosts): Promise<Verdict> {
  let dialled: string | null = null
  const fetcher = new ImageFetcher({
    policy: publicUrlPolicy,
    limits: { ...defaultFetchLimits, maxBytes: 1, maxPixels: 1 },
    lookup: async (host) => {
      const addresses = hosts ? (hosts.get(host) ?? []) : [standInAddress]
      return addresses.map((address) => ({ address, family: isIP(address) === 6 ? 6 : 4 }))
    },
    connect: (addresses) => (_options, callback) => {
      dialled = addresses.map(({ address }) => address).join(' ')
      callback(new Dialled(), null)
    },
  })
  const options = { param: 'url', signal: new AbortController().signal }
  const error = await fetcher.fetch(url, options).catch((caught: unknown) => caught)
  if (dialled !== null) return { allowed: true, reason: 'it would be fetched' }
  return { allowed: false, reason: messageOf(error) }
}

function isLiteral(hostname: string): boolean {
  return isIP(hostname.replace(/^\[|\]$/g, '')) !== 0
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error instanceof ApiError && error.cause instanceof Error ? error.cause.message : error.message
}
