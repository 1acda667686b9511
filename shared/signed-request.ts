import { encodeBase64url } from './base64url.ts'
import { type Claims, decodeClaims, encodeClaims } from './claims.ts'
import { ApiError } from './errors.ts'
import { headerNames } from './headers.ts'
import type { NonceStore } from './nonce-store.ts'
import {
  checkSignature,
  contentDigestOf,
  createSignature,
  formatSignature,
  importSigningKey,
  parseSignature,
  type SigningKey,
} from './signing.ts'

/** How far the clocks of edge and backend may differ, and so how long a nonce matters. */
const maxSkewMs = 60_000

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
    const nonce = encodeBase64url(crypto.getRandomValues(new Uint8Array(16)))
    const head = { keyId: key.id, time: Math.floor(nowMs / 1000), nonce }
    const parts = { method, target, contentType, contentDigest, claims: encodedClaims }
    const signature = await createSignature(await imported, parts, head)
    return {
      'content-type': contentType,
      [headerNames.contentDigest]: contentDigest,
      [headerNames.claims]: encodedClaims,
      [headerNames.signature]: formatSignature(signature),
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
  const value = headers.get(headerNames.signature)
  const encodedClaims = headers.get(headerNames.claims)
  if (value === null && encodedClaims === null) return null
  const signature = parseSignature(value ?? '')
  const key = keys.find(({ id }) => id === signature?.keyId)
  const contentDigest = headers.get(headerNames.contentDigest)
  if (!signature || !key || !encodedClaims || !contentDigest) throw refused()
  const parts = {
    method,
    target,
    contentType: headers.get('content-type') ?? '',
    contentDigest,
    claims: encodedClaims,
  }
  if (!(await checkSignature(await importSigningKey(key), parts, signature))) throw refused()
  const claims = decodeClaims(encodedClaims)
  // Time and nonce only count after the signature: a forger must not be able to fill the store.
  const fresh = Math.abs(nowMs - signature.time * 1000) <= maxSkewMs
  if (!claims || !fresh) throw refused()
  if (!(await nonces.remember(signature.nonce, nowMs + 2 * maxSkewMs, nowMs))) throw refused()
  return {
    claims,
    async checkBody(body) {
      if ((await contentDigestOf(body)) !== contentDigest) throw refused()
    },
  }
}

// One message for every reason: a forger learns nothing from it.
function refused() {
  return new ApiError('invalid_signature', 'the signature of this request is not valid')
}
