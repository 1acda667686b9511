/** The platform's own encoder (ECMAScript 2026), which Node 24 has not: it leaves none of the garbage of the long way. */
interface Encoding {
  toBase64?(options?: { alphabet: 'base64' | 'base64url'; omitPadding: boolean }): string
}

/** RFC 4648 §5, without padding. */
export function encodeBase64url(bytes: Uint8Array & Encoding): string {
  return (
    bytes.toBase64?.({ alphabet: 'base64url', omitPadding: true }) ??
    encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  )
}

/** RFC 4648 §4. For short values only: headers, digests. */
export function encodeBase64(bytes: Uint8Array & Encoding): string {
  return bytes.toBase64?.() ?? btoa(String.fromCharCode(...bytes))
}

/** The bytes of an unpadded base64url text; null when it is none. */
export function decodeBase64url(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null
  const raw = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(raw, (character) => character.charCodeAt(0))
}
