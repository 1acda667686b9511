import ipaddr from 'ipaddr.js'

/** Unicast by its number, but the Azure host's own agent behind every virtual machine there. */
const platformAddresses = new Set(['168.63.129.16'])

/**
 * IANA gives out global unicast addresses from 2000::/3 alone. ipaddr.js calls the rest of the space unicast too,
 * among it ::7f00:1, which is how URLs spell the IPv4-compatible ::127.0.0.1.
 */
const allocatedIpv6 = ipaddr.IPv6.parseCIDR('2000::/3')

/** What kind of address this is, in the words of the IANA registries: `unicast` is the public internet. */
export function addressRange(address: string): string {
  // ipaddr.js would also take the short, octal and hexadecimal spellings of IPv4
  if (!ipaddr.IPv4.isValidFourPartDecimal(address) && !ipaddr.IPv6.isValid(address)) return 'invalid'
  const parsed = ipaddr.process(address) // an IPv4 address mapped into IPv6 is judged as what it is
  if (platformAddresses.has(parsed.toString())) return 'platform'
  const range = parsed.range()
  return range === 'unicast' && parsed.kind() === 'ipv6' && !parsed.match(allocatedIpv6)
    ? 'unallocated'
    : range
}

/** Whether an address (no brackets) belongs to the public internet, and so may be dialled for a stranger. */
export function isPublicAddress(address: string): boolean {
  return addressRange(address) === 'unicast'
}
