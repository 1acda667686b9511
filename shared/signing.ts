import { decodeBase64url, encodeBase64, encodeBase64url } from './base64url.ts'

/** A secret both ends hold. Several may be valid at once, so that keys rotate without an outage. */
export interface SigningKey {
  /** Letters, digits, `-` and `_`. */
  readonly id: string
  /** At least 32 bytes. */
  readonly secret: Uint8Array<ArrayBuffer>
}

/** What a signature covers. Changing any of it in flight breaks the signature. */
export interface SignedParts {
  readonly method: string
  /** Path and query, as on the request line. */
  readonly target: string
  readonly contentType: string
  /** Value of `content-digest`. */
  readonly contentDigest: string
  /** Value of the claims header, still encoded. */
  readonly claims: string
}

export interface Signature {
  readonly keyId: string
  /** Seconds since the epoch. */
  readonly time: number
  /** 128 random bits, base64url. */
  readonly nonce: string
  /** HMAC-SHA-256. */
  readonly mac: Uint8Array<ArrayBuffer>
}

const minSecretBytes = 32

/** Reads `id:base64url,id:base64url`; the first key signs, all verify. @throws on any other form. */
export function parseSigningKeys(text: string): SigningKey[] {
  return text.split(',').map((entry) => {
    const [id = '', encoded = ''] = entry.trim().split(':')
    const secret = decodeBase64url(encoded)
    if (!/^[\w-]{1,64}$/.test(id) || !secret || secret.length < minSecretBytes) {
      throw new Error('a signing key is written id:secret, the secret at least 32 bytes in base64url')
    }
    return { id, secret }
  })
}

/** `content-digest` of a body held in memory (RFC 9530). */
export async function contentDigestOf(body: Uint8Array<ArrayBuffer>): Promise<string> {
  return `sha-256=:${encodeBase64(new Uint8Array(await crypto.subtle.digest('SHA-256', body)))}:`
}

/** The key that `createMac` and `checkMac` take, imported once for many uses. */
export function importSigningKey({ secret }: SigningKey) {
  return crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
}

type ImportedKey = Awaited<ReturnType<typeof importSigningKey>>

export async function createSignature(
  key: ImportedKey,
  parts: SignedParts,
  head: Omit<Signature, 'mac'>,
): Promise<Signature> {
  return { ...head, mac: new Uint8Array(await crypto.subtle.sign('HMAC', key, message(parts, head))) }
}

/** Compares in constant time. */
export function checkSignature(key: ImportedKey, parts: SignedParts, signature: Signature): Promise<boolean> {
  return crypto.subtle.verify('HMAC', key, signature.mac, message(parts, signature))
}

export function formatSignature({ keyId, time, nonce, mac }: Signature): string {
  return `v1;key=${keyId};time=${time};nonce=${nonce};mac=${encodeBase64url(mac)}`
}

/** The signature of a header value; null when it is none. */
export function parseSignature(value: string): Signature | null {
  const match = /^v1;key=([\w-]{1,64});time=(\d{1,12});nonce=([\w-]{22});mac=([\w-]{43})$/.exec(value)
  const [, keyId = '', time = '', nonce = '', encoded = ''] = match ?? []
  const mac = match && decodeBase64url(encoded)
  return mac ? { keyId, time: Number(time), nonce, mac } : null
}

// No part can hold a line feed (header values and request targets cannot), so no two messages are alike.
function message(parts: SignedParts, head: Omit<Signature, 'mac'>) {
  const { method, target, contentType, contentDigest, claims } = parts
  const lines = [
    'glm-v1',
    method,
    target,
    contentType,
    contentDigest,
    claims,
    head.keyId,
    head.time,
    head.nonce,
  ]
  return new TextEncoder().encode(lines.join('\n'))
}
