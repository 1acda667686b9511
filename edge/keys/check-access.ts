import type { ErrorCode } from '../../shared/errors.ts'
import { isListed } from './address-list.ts'
import { equalText } from './key-format.ts'
import type { KeyRecord } from './key-record.ts'

/** Who asks. */
export interface Credentials {
  /** `hashSecret` of what the caller sent. */
  readonly secretHash: string
  /** The client's address; null when no trusted hop tells it. */
  readonly address: string | null
}

export interface AccessRefusal {
  readonly code: Extract<ErrorCode, 'invalid_api_key' | 'permission_denied'>
  readonly message: string
}

const unknown: AccessRefusal = { code: 'invalid_api_key', message: 'this API key is not valid' }

/** Why these credentials may not use the key; null when they may. Who lacks the secret learns nothing of the key. */
export function checkAccess(record: KeyRecord | null, who: Credentials, nowMs: number): AccessRefusal | null {
  if (!record || !hasSecret(record, who.secretHash, nowMs)) return unknown
  if (record.disabled) return { code: 'permission_denied', message: 'this API key is disabled' }
  if (hasPassed(record.expires_at, nowMs)) {
    return { code: 'invalid_api_key', message: 'this API key has expired' }
  }
  if (record.ips && !(who.address !== null && isListed(who.address, record.ips))) {
    return { code: 'permission_denied', message: 'this API key may not be used from this address' }
  }
  return null
}

/** Every secret is compared, whichever fits, so that time tells nothing. */
function hasSecret({ secrets }: KeyRecord, hash: string, nowMs: number): boolean {
  return secrets
    .map((secret) => equalText(secret.hash, hash) && !hasPassed(secret.expires_at, nowMs))
    .includes(true)
}

function hasPassed(moment: string | null, nowMs: number): boolean {
  return moment !== null && Date.parse(moment) <= nowMs
}
