export type DataUri =
  /** `base64` is canonical and decodes to exactly `size` bytes. */
  | { readonly type: 'image'; readonly base64: string; readonly size: number }
  /** `reason` completes "the data: URI is refused: …". */
  | { readonly type: 'invalid'; readonly reason: string }
  | { readonly type: 'too_large'; readonly size: number }

// the label's kind is not kept: clients send a PNG as image/jpeg, and the bytes decide
const prefix = /^data:image\/[a-z0-9.+*-]{1,32};base64,/i
const maxPrefixLength = 64

/** Bits of the last digit that no byte uses must be 0, so that equal pictures are equal texts (RFC 4648, 3.5). */
const finalDigits = { 0: /./s, 1: /[AEIMQUYcgkosw048]/, 2: /[AQgw]/ } as const

/**
 * Checks a picture sent as text, `data:image/…;base64,…`, before a byte of it is decoded: prefix, size, alphabet and
 * padding (RFC 4648, section 4). Parameters, percent-encoding and white space are refused.
 */
export function parseDataUri(text: string, maxBytes: number): DataUri {
  const start = prefix.exec(text.slice(0, maxPrefixLength))?.[0].length
  if (start === undefined) return invalid('it must begin with data:image/…;base64,')

  const length = text.length - start
  if (length === 0) return invalid('it holds no bytes')
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const size = Math.floor(length / 4) * 3 - padding
  if (size > maxBytes) return { type: 'too_large', size }
  if (length % 4 !== 0) return invalid('its base64 is cut off or not padded with =')

  const foreignCharacter = /[^A-Za-z0-9+/]/g
  foreignCharacter.lastIndex = start
  const foreign = foreignCharacter.exec(text)
  if (foreign !== null && foreign.index < text.length - padding) return invalid(whyForeign(foreign[0]))
  if (!finalDigits[padding].test(text.charAt(text.length - padding - 1))) {
    return invalid('its base64 does not end on a whole byte')
  }
  return { type: 'image', base64: text.slice(start), size }
}

function whyForeign(character: string): string {
  if (character === '-' || character === '_')
    return 'its base64 must be the standard alphabet, not the URL-safe one'
  if (/\s/.test(character)) return 'its base64 must not hold white space or line breaks'
  if (character === '%') return 'its base64 must not be percent-encoded'
  return 'it holds a character that is not base64'
}

function invalid(reason: string): DataUri {
  return { type: 'invalid', reason }
}
