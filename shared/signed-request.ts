import { type Claims, decodeClaims, encodeClaims } from './claims.ts'
import { ApiError } from './errors.ts'
import { readFreshSignature, signFreshly } from './fresh-signature.ts'
import { headerNames } from './headers.ts'
import type { NonceStore } from './nonce-store.ts'
import { importSigningKey, type SigningKey } from './signing.ts'

interface RequestToSign {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly contentType: string
  /** `contentDigestOf` the body. */
  readonly contentDigest: string
  readonly claims: Claims
}

export type RequestSigner = (request: RequestToSign, nowMs: number) => Promise<Record<string, string>>

/** Returns a function that gives the headers a signed request carries; each call takes a fresh nonce. */
export function createRequestSigner(key: SigningKey): RequestSigner {
  const imported = importSigningKey(key)
  return async ({ method, target, contentType, contentDigest, claims }, nowMs) => {
    const encodedClaims = encodeClaims(claims)
    const parts = { method, target, contentType, contentDigest, claims: encodedClaims }
    return {
      'content-type': contentType,
      [headerNames.contentDigest]: contentDigest,
      [headerNames.claims]: encodedClaims,
      [headerNames.signature]: await signFreshly(key.id, await imported, parts, nowMs),
    }
  }
}

/** A request's line and headers: all that is needed before its body is read. */
export interface RequestHead {
  readonly method: string
  /** Path and query, exactly as received. */
  readonly target: string
  readonly headers: { get(name: string): string | null }
}

export interface VerifyOptions {
  readonly keys: readonly SigningKey[]
  readonly nonces: NonceStore
  readonly nowMs: number
}

export interface VerifiedRequest {
  readonly claims: Claims
  /** @throws ApiError `invalid_signature` unless `body` is what was signed. Call it before anything runs. */
  checkBody(body: Uint8Array<ArrayBuffer>): Promise<void>
}

/**
 * Checks a request's signature before its body is read. Null for a request that carries neither signature nor
 * claims: an internal caller, who is trusted with nothing.
 * @throws ApiError `invalid_signature` for a wrong, old or replayed signature, and for claims without one.
 */
export async function verifySignedRequest(
  { method, target, headers }: RequestHead,
  { keys, nonces, nowMs }: VerifyOptions,
): Promise<VerifiedRequest | null> {
  const encodedClaims = headers.get(headerNames.claims)
  if (headers.get(headerNames.signature) === null && encodedClaims === null) return null
  const partsOf = (contentDigest: string) => ({
    method,
    target,
    contentType: headers.get('content-type') ?? '',
    contentDigest,
    claims: encodedClaims ?? '',
  })
  const signature = await readFreshSignature(headers, keys, partsOf, nowMs)
  const claims = decodeClaims(encodedClaims ?? '')
  if (!signature || !claims) throw refused()
  if (!(await nonces.remember(signature.nonce, signature.expiresMs, nowMs))) throw refused()
  return {
    claims,
    async checkBody(body) {
      if (!(await signature.covers(body))) throw refused()
    },
  }
}

// One message for every reason: a forger learns nothing from it.
function refused() {
  return new ApiError('invalid_signature', 'the signature of this request is not valid')
}
