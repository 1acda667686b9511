import { hashSecret, type KeyChecker, parseAuthorization } from './key-format.ts'

/** A key whose check is right; whether it is valid only its object knows. */
export interface GenuineKey {
  /** Names the key's object. */
  readonly id: string
  /** `hashSecret` of its secret. */
  readonly secretHash: string
}

/** A few hundred bytes each. Only keys of our own making get in, so no flood of guesses pushes them out. */
const maxKnown = 1000

/** Reads `Authorization` headers. A key seen before costs no hashing, and is no more believed for it. */
export class GenuineKeys {
  readonly #checker: KeyChecker
  /** By the header's text; the key used last comes last. */
  readonly #known = new Map<string, GenuineKey>()

  constructor(checker: KeyChecker) {
    this.#checker = checker
  }

  /** null: no key of ours. */
  async read(header: string): Promise<GenuineKey | null> {
    const key = this.#known.get(header) ?? (await this.#check(header))
    if (!key) return null
    this.#known.delete(header)
    this.#known.set(header, key)
    const [oldest] = this.#known.keys()
    if (this.#known.size > maxKnown && oldest !== undefined) this.#known.delete(oldest)
    return key
  }

  async #check(header: string): Promise<GenuineKey | null> {
    const key = parseAuthorization(header)
    if (!key || !(await this.#checker.isGenuine(key))) return null
    return { id: key.id, secretHash: await hashSecret(key.secret) }
  }
}
