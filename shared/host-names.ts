/** Top-level and other suffixes that only a private network answers (RFC 6761, RFC 8375, ICANN's name collisions). */
const privateSuffixes = [
  'localhost',
  'local',
  'localdomain',
  'internal',
  'intranet',
  'private',
  'lan',
  'home',
  'corp',
  'mail',
  'workgroup',
  'arpa',
  'onion',
  'test',
  'invalid',
  'svc',
  'cluster.local',
  'consul',
  'default',
]

/** First labels under which clouds answer with a machine's own credentials, in whatever zone. */
const machineNames = ['metadata', 'instance-data', 'ip6-localhost', 'ip6-loopback']

/**
 * Public zones whose names resolve to private addresses by design. A hint to refuse early and with a reason: what a
 * name resolves to is judged by its addresses in any case.
 */
const loopbackZones = [
  '1u.ms',
  'backname.io',
  'burpcollaborator.net',
  'ddev.site',
  'fuf.me',
  'lacolhost.com',
  'lndo.site',
  'local.gd',
  'localho.st',
  'localtest.me',
  'lvh.me',
  'nip.io',
  'rbndr.us',
  'rebind.it',
  'rebind.network',
  'sslip.io',
  'traefik.me',
  'vcap.me',
  'xip.io',
]

const maxNameLength = 253
/** Letters, digits and hyphens (RFC 1123), with the underscore that some real names have. */
const labelPattern = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/** No top-level domain has a digit or hyphen, but for international ones. */
const topLevelPattern = /^(?:[a-z]+|xn--[a-z0-9-]+)$/

/** Why a host name (lower case, no trailing dot) cannot be a public one; null when it can. */
export function whyNotPublicName(host: string): string | null {
  const labels = host.split('.')
  if (host.length > maxNameLength || !labels.every((label) => labelPattern.test(label))) {
    return 'its host name is malformed'
  }
  if (!topLevelPattern.test(labels.at(-1) ?? '')) return 'its host has no top-level domain'
  if (labels.length === 1) return 'its host has only one label'
  if (privateSuffixes.some((suffix) => isUnder(host, suffix))) return 'its host belongs to a private network'
  if (machineNames.some((name) => labels[0]?.startsWith(name))) return "its host is a machine's own service"
  if (loopbackZones.some((zone) => isUnder(host, zone)))
    return 'its host is known to lead to private addresses'
  return null
}

function isUnder(host: string, zone: string): boolean {
  return host === zone || host.endsWith(`.${zone}`)
}
