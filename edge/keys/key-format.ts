import { encodeBase64url } from '../../shared/base64url.ts'

type KeyMode = 'live' | 'test'

/** The parts of `glm_<mode>_<id>_<secret>_<check>`. */
export interface ParsedKey {
  readonly mode: KeyMode
  /** 12 base62 characters. Names the key's object; no secret. */
  readonly id: string
  /** 43 base62 characters, 256 random bits. */
  readonly secret: string
  readonly check: string
}

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const idLength = 12
const secretLength = 43
const checkLength = 6
const pattern = /^glm_(live|test)_([0-9A-Za-z]{12})_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})$/

/** The key in an `Authorization` header; null when there is none of our form. */
export function parseAuthorization(value: string | null): ParsedKey | null {
  const token = /^Bearer +(\S+)$/i.exec(value ?? '')?.[1]
  const match = pattern.exec(token ?? '')
  if (!match) return null
  const [, mode, id = '', secret = '', check = ''] = match
  return { mode: mode === 'live' ? 'live' : 'test', id, secret, check }
}

/** Tells keys of ours from guesses without asking anybody: the check is an HMAC that only the edge can make. */
export interface KeyChecker {
  mint(mode: KeyMode, id?: string): Promise<ParsedKey>
  isGenuine(key: ParsedKey): Promise<boolean>
}

/** @param secrets the first makes checks, all are accepted, so that they can be changed without ending any key */
export function createKeyChecker(secrets: readonly string[]): KeyChecker {
  const imported = Promise.all(
    secrets.map((secret) =>
      crypto.subtle.importKey('raw', new TextEncoder().encode(secret), hmac, false, ['sign']),
    ),
  )
  return {
    async mint(mode, id = randomBase62(idLength)) {
      const [first] = await imported
      if (!first) throw new Error('no secret to make keys with')
      const secret = randomBase62(secretLength)
      return { mode, id, secret, check: await checkOf(first, mode, id, secret) }
    },
    async isGenuine({ mode, id, secret, check }) {
      for (const key of await imported) {
        if (equalText(await checkOf(key, mode, id, secret), check)) return true
      }
      return false
    },
  }
}

export function formatKey({ mode, id, secret, check }: ParsedKey): string {
  return `glm_${mode}_${id}_${secret}_${check}`
}

/** What is stored of a secret. It has 256 random bits, so one fast hash is enough. */
export async function hashSecret(secret: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret))
  return encodeBase64url(new Uint8Array(digest))
}

/** Compares in a time that depends on the length alone. */
export function equalText(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}

const hmac = { name: 'HMAC', hash: 'SHA-256' }

async function checkOf(key: CryptoKey, mode: KeyMode, id: string, secret: string): Promise<string> {
  const message = new TextEncoder().encode(`glm_${mode}_${id}_${secret}`)
  const mac = new DataView(await crypto.subtle.sign('HMAC', key, message))
  return base62(mac.getBigUint64(0), checkLength)
}

/** The last `length` digits. */
function base62(value: bigint, length: number): string {
  let text = ''
  for (let rest = value; text.length < length; rest /= 62n) text = alphabet.charAt(Number(rest % 62n)) + text
  return text
}

function randomBase62(length: number): string {
  let text = ''
  while (text.length < length) {
    const [byte = 255] = crypto.getRandomValues(new Uint8Array(1))
    // 248 is the largest multiple of 62 in a byte: above it, some characters would be likelier than others.
    if (byte < 248) text += alphabet.charAt(byte % 62)
  }
  return text
}
