import type { LookupFunction } from 'node:net'
import { buildConnector } from 'undici'
import type { HostAddress } from './resolve-host.ts'

/** Makes what opens connections to these addresses and no others. Tests inject their own to count and turn dials. */
export type ConnectorFactory = (
  addresses: readonly HostAddress[],
  timeoutMs: number,
) => buildConnector.connector

/**
 * Connects to addresses that were checked, whatever the name resolves to by now; TLS still verifies the name. An
 * address literal is dialled as it stands (Node asks no lookup for it): it must have been checked before.
 */
export const pinnedConnector: ConnectorFactory = (addresses, timeoutMs) => {
  const lookup: LookupFunction = (_host, options, callback) => {
    const [first] = addresses
    if (options.all) callback(null, [...addresses])
    else callback(null, first?.address ?? '', first?.family)
  }
  return buildConnector({ timeout: timeoutMs, lookup, autoSelectFamily: true, allowH2: false })
}
