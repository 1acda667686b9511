import { SchemaError } from './schema-node.ts'

/** A schema object's keywords, read with the types they must have. Anything else is a `SchemaError`. */
export class Fields {
  readonly #raw: Readonly<Record<string, unknown>>
  readonly path: string

  constructor(raw: Readonly<Record<string, unknown>>, path: string) {
    this.#raw = raw
    this.path = path
  }

  get keys(): string[] {
    return Object.keys(this.#raw)
  }

  raw(keyword: string): unknown {
    return Object.hasOwn(this.#raw, keyword) ? this.#raw[keyword] : undefined
  }

  has(keyword: string): boolean {
    return this.raw(keyword) !== undefined
  }

  number(keyword: string): number | null {
    return this.#read(keyword, 'a number', (value) => typeof value === 'number' && Number.isFinite(value))
  }

  /** A count: a whole number of at least 0. */
  count(keyword: string): number | null {
    return this.#read(
      keyword,
      'a whole number of at least 0',
      (value) => Number.isInteger(value) && Number(value) >= 0,
    )
  }

  boolean(keyword: string): boolean | null {
    return this.#read(keyword, 'true or false', (value) => typeof value === 'boolean')
  }

  string(keyword: string): string | null {
    return this.#read(keyword, 'a string', (value) => typeof value === 'string')
  }

  list(keyword: string): readonly unknown[] | null {
    return this.#read(keyword, 'an array', Array.isArray)
  }

  strings(keyword: string): readonly string[] | null {
    return this.#read(keyword, 'an array of strings', isStrings)
  }

  /** A map, in the order of its keys. */
  map(keyword: string): readonly (readonly [string, unknown])[] | null {
    const record = this.#read<object>(keyword, 'an object', isRecord)
    return record === null ? null : Object.entries(record)
  }

  fail(keyword: string, reason: string): SchemaError {
    return new SchemaError(keyword, this.path, reason)
  }

  #read<T>(keyword: string, what: string, test: (value: unknown) => boolean): T | null {
    const value = this.raw(keyword)
    if (value === undefined) return null
    if (!test(value)) throw this.fail(keyword, `must be ${what}`)
    return value as T // the test has just said so
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string')
}
