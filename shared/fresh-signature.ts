import { encodeBase64url } from './base64url.ts'
import { headerNames } from './headers.ts'
import {
  checkSignature,
  contentDigestOf,
  createSignature,
  formatSignature,
  importSigningKey,
  parseSignature,
  type SignedParts,
  type SigningKey,
} from './signing.ts'

/** How far the clocks of both ends may differ, and so how long a nonce matters. */
const maxSkewMs = 60_000

type ImportedKey = Awaited<ReturnType<typeof importSigningKey>>

/** The value of a signature header, with the time and a nonce of its own. */
export async function signFreshly(
  keyId: string,
  key: ImportedKey,
  parts: SignedParts,
  nowMs: number,
): Promise<string> {
  const nonce = encodeBase64url(crypto.getRandomValues(new Uint8Array(16)))
  const head = { keyId, time: Math.floor(nowMs / 1000), nonce }
  return formatSignature(await createSignature(key, parts, head))
}

export interface FreshSignature {
  /** To be remembered until `expiresMs`: it may count once. */
  readonly nonce: string
  readonly expiresMs: number
  /** Whether `body` is what was signed. */
  covers(body: Uint8Array<ArrayBuffer>): Promise<boolean>
}

/**
 * A message's signature, checked before its body is read; null for a wrong or an old one. Whether it is replayed its
 * nonce tells, which counts only now: a forger must not be able to fill the store.
 * @param partsOf what must have been signed, with this `content-digest`
 */
export async function readFreshSignature(
  headers: { get(name: string): string | null },
  keys: readonly SigningKey[],
  partsOf: (contentDigest: string) => SignedParts,
  nowMs: number,
): Promise<FreshSignature | null> {
  const signature = parseSignature(headers.get(headerNames.signature) ?? '')
  const contentDigest = headers.get(headerNames.contentDigest)
  const key = keys.find(({ id }) => id === signature?.keyId)
  if (!signature || !key || !contentDigest) return null
  if (!(await checkSignature(await importSigningKey(key), partsOf(contentDigest), signature))) return null
  if (Math.abs(nowMs - signature.time * 1000) > maxSkewMs) return null
  return {
    nonce: signature.nonce,
    expiresMs: nowMs + 2 * maxSkewMs,
    covers: async (body) => (await contentDigestOf(body)) === contentDigest,
  }
}
