import { annotationFormats, formatPatterns } from '../formats.ts'
import { compilePattern, compileWhole } from '../regex/compile-pattern.ts'
import { PatternError } from '../regex/pattern-syntax.ts'
import type { Regex, RegexFactory } from '../regex/regex.ts'
import { Fields, isRecord, isStrings } from './fields.ts'
import { refusedKeywords } from './keywords.ts'
import { readArrayKeywords, readNumberKeywords, readTypes } from './read-keywords.ts'
import { resolveReference } from './references.ts'
import { type Assertion, SchemaError, type SchemaNode } from './schema-node.ts'

const maxNodes = 100_000

const maxDepth = 200

/** What keyword readers need of the reader: children by keyword, and expressions by pattern. */
export interface ChildReader {
  child(fields: Fields, ...keywords: string[]): SchemaNode
  regex(fields: Fields, keyword: string, pattern: string): Regex
}

/** Reads a schema document into nodes. Only what the root can reach is read: unused definitions may say anything. */
export class SchemaReader implements ChildReader {
  readonly #document: unknown
  readonly #factory: RegexFactory
  readonly #byPath = new Map<string, SchemaNode>()
  readonly #byConstant = new Map<string, SchemaNode>()
  readonly #regexes = new Map<string, Regex>()
  #nodes = 0
  #depth = 0

  constructor(document: unknown, factory: RegexFactory) {
    this.#document = document
    this.#factory = factory
  }

  /** @throws SchemaError */
  root(): SchemaNode {
    return this.#node(this.#document, '#')
  }

  /** A node that only `value` satisfies. */
  constant(value: unknown): SchemaNode {
    const key = JSON.stringify(value)
    const known = this.#byConstant.get(key)
    if (known !== undefined) return known
    const node = { id: this.#newId(), path: '#', assertions: [{ type: 'values', values: [value] }] } as const
    this.#byConstant.set(key, node)
    return node
  }

  child(fields: Fields, ...keywords: string[]): SchemaNode {
    let raw: unknown = fields.raw(keywords[0] ?? '')
    let path = `${fields.path}/${escapePointer(keywords[0] ?? '')}`
    for (const key of keywords.slice(1)) {
      raw = (raw as Record<string, unknown>)[key] // the caller got the key by listing this very object
      path += `/${escapePointer(key)}`
    }
    return this.#node(raw, path)
  }

  regex(fields: Fields, keyword: string, pattern: string): Regex {
    return this.#compile(fields, keyword, `p${pattern}`, () => compilePattern(this.#factory, pattern))
  }

  #node(raw: unknown, path: string): SchemaNode {
    const known = this.#byPath.get(path)
    if (known !== undefined) return known
    if (typeof raw !== 'boolean' && !isRecord(raw)) {
      throw new SchemaError(
        path.slice(path.lastIndexOf('/') + 1),
        path,
        'must be a schema: an object or a boolean',
      )
    }
    // registered before it is filled, so that a reference back to it finds it
    const assertions: Assertion[] = []
    const node = { id: this.#newId(), path, assertions }
    this.#byPath.set(path, node)
    if (++this.#depth > maxDepth)
      throw new SchemaError('$ref', path, `schemas are nested deeper than ${maxDepth}`)
    if (raw === false) assertions.push({ type: 'types', types: 0, integer: false })
    else if (raw !== true) assertions.push(...this.#assertions(new Fields(raw, path)))
    this.#depth--
    return node
  }

  #assertions(fields: Fields): Assertion[] {
    for (const [keyword, reason] of Object.entries(refusedKeywords)) {
      if (fields.has(keyword)) throw fields.fail(keyword, reason)
    }
    return [
      ...this.#reference(fields),
      ...readTypes(fields),
      ...readNumberKeywords(fields),
      ...this.#stringKeywords(fields),
      ...readArrayKeywords(fields, this),
      ...this.#objectKeywords(fields),
      ...this.#applicators(fields),
    ]
  }

  #reference(fields: Fields): Assertion[] {
    const reference = fields.string('$ref')
    if (reference === null) return []
    const { target, path } = resolveReference(this.#document, fields, reference)
    return [{ type: 'allOf', nodes: [this.#node(target, path)] }]
  }

  #stringKeywords(fields: Fields): Assertion[] {
    const out: Assertion[] = []
    const min = fields.count('minLength')
    const max = fields.count('maxLength')
    if (min !== null || max !== null) {
      out.push({ type: 'length', min: min ?? 0, max: max ?? Number.POSITIVE_INFINITY })
    }
    const pattern = fields.string('pattern')
    if (pattern !== null) out.push({ type: 'pattern', regex: this.regex(fields, 'pattern', pattern) })
    const format = fields.raw('format')
    if (typeof format === 'string') out.push(...this.#format(fields, format))
    return out
  }

  #format(fields: Fields, format: string): Assertion[] {
    if (format === 'int32')
      return [{ type: 'range', min: inclusive(-(2 ** 31)), max: inclusive(2 ** 31 - 1) }]
    if (format === 'int64')
      return [{ type: 'range', min: inclusive(-(2 ** 63)), max: inclusive(2 ** 63 - 1024) }]
    if (annotationFormats.has(format)) return []
    const pattern = formatPatterns[format]
    if (pattern === undefined) throw fields.fail('format', `"${format}" cannot be enforced`)
    const regex = this.#compile(fields, 'format', `f${format}`, () => compileWhole(this.#factory, pattern))
    return [{ type: 'pattern', regex }]
  }

  #objectKeywords(fields: Fields): Assertion[] {
    const out: Assertion[] = []
    const names = fields.map('properties') ?? []
    const patterns = fields.map('patternProperties') ?? []
    const additional = fields.has('additionalProperties') ? this.child(fields, 'additionalProperties') : null
    if (names.length > 0 || patterns.length > 0 || additional !== null) {
      out.push({
        type: 'properties',
        names: new Map(names.map(([name]) => [name, this.child(fields, 'properties', name)])),
        patterns: patterns.map(([pattern]) => ({
          regex: this.regex(fields, 'patternProperties', pattern),
          node: this.child(fields, 'patternProperties', pattern),
        })),
        additional,
      })
    }
    const required = fields.strings('required')
    if (required !== null) out.push({ type: 'required', names: required })
    const min = fields.count('minProperties') ?? 0
    const max = fields.count('maxProperties') ?? Number.POSITIVE_INFINITY
    if (min > 0 || max < Number.POSITIVE_INFINITY) out.push({ type: 'propertyCount', min, max })
    if (fields.has('propertyNames'))
      out.push({ type: 'propertyNames', node: this.child(fields, 'propertyNames') })
    for (const keyword of ['dependencies', 'dependentRequired', 'dependentSchemas']) {
      for (const [name, needs] of fields.map(keyword) ?? []) {
        if (isStrings(needs)) out.push({ type: 'dependentRequired', name, needs })
        else out.push({ type: 'dependentSchema', name, node: this.child(fields, keyword, name) })
      }
    }
    return out
  }

  #applicators(fields: Fields): Assertion[] {
    const out: Assertion[] = []
    for (const type of ['allOf', 'anyOf', 'oneOf'] as const) {
      const options = fields.list(type)
      if (options === null) continue
      if (options.length === 0) throw fields.fail(type, 'must not be empty')
      out.push({ type, nodes: options.map((_, index) => this.child(fields, type, String(index))) })
    }
    if (fields.has('not')) out.push({ type: 'not', node: this.child(fields, 'not') })
    if (fields.has('if') && (fields.has('then') || fields.has('else'))) {
      out.push({
        type: 'if',
        condition: this.child(fields, 'if'),
        met: fields.has('then') ? this.child(fields, 'then') : null,
        unmet: fields.has('else') ? this.child(fields, 'else') : null,
      })
    }
    return out
  }

  #compile(fields: Fields, keyword: string, key: string, compile: () => Regex): Regex {
    const known = this.#regexes.get(key)
    if (known !== undefined) return known
    try {
      const regex = compile()
      this.#regexes.set(key, regex)
      return regex
    } catch (error) {
      if (error instanceof PatternError) throw fields.fail(keyword, error.message)
      throw error
    }
  }

  #newId(): number {
    if (this.#nodes >= maxNodes) throw new SchemaError('$ref', '#', `more than ${maxNodes} subschemas`)
    return ++this.#nodes
  }
}

function inclusive(value: number) {
  return { value, exclusive: false }
}

function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
