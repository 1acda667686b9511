import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { isPublicAddress } from '../../shared/address-rules.ts'
import type { UrlVerdict } from '../../shared/url-rules.ts'

export interface HostAddress {
  readonly address: string
  readonly family: 4 | 6
}

/** Every address of a name. Tests inject their own, so that nothing is asked of a real name server. */
export type Lookup = (host: string, options: { readonly trusted: boolean }) => Promise<readonly HostAddress[]>

type AllowedUrl = Extract<UrlVerdict, { type: 'allowed' }>

const queryTimeoutMs = 2000
const queryTries = 2
const maxAddresses = 16

/**
 * A stranger's name is asked of the name servers alone: without the hosts file and search domains, which only know
 * private names, and without getaddrinfo, whose slow answers would occupy the thread pool that pictures and files
 * share. An operator's own host is looked up as this machine looks up any.
 */
export const lookupHost: Lookup = async (host, { trusted }) => {
  if (trusted) return (await lookup(host, { all: true })).map(({ address }) => hostAddress(address))
  const resolver = new Resolver({ timeout: queryTimeoutMs, tries: queryTries })
  const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : [])).map(hostAddress)
}

/**
 * The addresses a URL may be dialled at: all that its host has, or none. One private address among public ones
 * condemns them all, since which one a client picks is the other side's choice.
 * @throws {Error} no address, or one that is not public
 */
export async function addressesOf(
  { host, hostType, trusted }: AllowedUrl,
  look: Lookup,
): Promise<readonly HostAddress[]> {
  if (hostType === 'address') return [hostAddress(host)] // judged by checkUrl
  const addresses = await look(host, { trusted })
  if (addresses.length === 0) throw new Error('the host has no address')
  if (addresses.length > maxAddresses) throw new Error('the host has too many addresses')
  if (!trusted && !addresses.every(({ address }) => isPublicAddress(address))) {
    throw new Error('the host has an address that is not public')
  }
  return addresses
}

function hostAddress(address: string): HostAddress {
  return { address, family: isIP(address) === 6 ? 6 : 4 }
}
