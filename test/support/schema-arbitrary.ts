import fc from 'fast-check'
import type { OpenApiDocument } from '../../backend/http/openapi-document.ts'

export type Schema = NonNullable<NonNullable<OpenApiDocument['components']>['schemas']>[string]
type Spelled = Exclude<Schema, { $ref: string }>

/** How often an optional property is there: with every second one, few objects would keep rules between fields. */
const OPTIONAL_WEIGHT = { absent: 5, present: 1 }
const MOST_ITEMS = 3

/** Values that fit the document's schemas. `overrides` says, by a property's name, what is worth trying there. */
export class SchemaArbitrary {
  readonly #document: OpenApiDocument
  readonly #overrides: Readonly<Record<string, fc.Arbitrary<unknown>>>

  constructor(document: OpenApiDocument, overrides: Readonly<Record<string, fc.Arbitrary<unknown>>>) {
    this.#document = document
    this.#overrides = overrides
  }

  valid(schema: Schema): fc.Arbitrary<unknown> {
    const spelled = this.#resolve(schema)
    const choices = spelled.oneOf ?? spelled.anyOf
    if (spelled.enum !== undefined) return fc.constantFrom<unknown>(...spelled.enum)
    if (choices !== undefined) return fc.oneof(...choices.map((choice: Schema) => this.valid(choice)))
    const types = [spelled.type ?? 'any'].flat()
    return fc.oneof(...types.map((type) => this.#ofType(type, spelled)))
  }

  /** A valid value with something else in one place: wrong, most of the time. */
  mutated(schema: Schema): fc.Arbitrary<unknown> {
    return fc.tuple(this.valid(schema), fc.nat(), fc.nat(2), fc.jsonValue({ maxDepth: 1 })).map(mutate)
  }

  #resolve(schema: Schema): Spelled {
    if (!('$ref' in schema)) return schema
    const name = schema.$ref.split('/').at(-1) ?? ''
    const target = this.#document.components?.schemas?.[name]
    if (target === undefined) throw new Error(`${schema.$ref} is not in the document`)
    return this.#resolve(target)
  }

  #ofType(type: string, schema: Spelled): fc.Arbitrary<unknown> {
    switch (type) {
      case 'object':
        return this.#object(schema)
      case 'array':
        return fc.array(this.valid(schema.items ?? {}), {
          minLength: schema.minItems ?? 0,
          maxLength: Math.max(schema.minItems ?? 0, Math.min(schema.maxItems ?? MOST_ITEMS, MOST_ITEMS)),
        })
      case 'string':
        return schema.pattern === undefined
          ? fc.string({ unit: 'binary', minLength: schema.minLength ?? 0, maxLength: 12 })
          : fc.stringMatching(new RegExp(schema.pattern))
      case 'integer':
        return fc.oneof(
          fc.integer({ min: schema.minimum ?? -1000, max: Math.min(schema.maximum ?? 1000, 1000) }),
          fc.constant(schema.maximum ?? Number.MAX_SAFE_INTEGER),
        )
      case 'number':
        return fc.double({ noNaN: true, ...numberRange(schema) })
      case 'boolean':
        return fc.boolean()
      case 'null':
        return fc.constant(null)
      default:
        return fc.jsonValue({ maxDepth: 2 })
    }
  }

  #object({ properties, required = [] }: Spelled): fc.Arbitrary<unknown> {
    if (properties === undefined)
      return fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 1 }))
    const entries = Object.entries<Schema>(properties).map(([name, schema]) => {
      const value = this.#overrides[name] ?? this.valid(schema)
      const { absent, present } = OPTIONAL_WEIGHT
      const some = required.includes(name)
        ? value
        : fc.oneof(
            { arbitrary: fc.constant(undefined), weight: absent },
            { arbitrary: value, weight: present },
          )
      return [name, some] as const
    })
    // JSON leaves out what is undefined
    return fc.record(Object.fromEntries(entries)).map((value) => JSON.parse(JSON.stringify(value)))
  }
}

function numberRange({ minimum, maximum, exclusiveMinimum }: Spelled) {
  const open = typeof exclusiveMinimum === 'number' ? exclusiveMinimum : undefined
  return { min: open ?? minimum ?? -100, max: maximum ?? 100, minExcluded: open !== undefined }
}

type Place = { readonly parent: Record<string, unknown>; readonly key: string }

function mutate([value, at, how, odd]: [unknown, number, number, unknown]): unknown {
  const root = { value: structuredClone(value) }
  const places = placesIn(root)
  const place = places[at % places.length]
  if (place === undefined) return odd
  const { parent, key } = place
  const inner = parent[key]
  if (how === 0) parent[key] = odd
  else if (how === 1 && parent !== root) delete parent[key]
  else if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) Object.assign(inner, { odd })
  else parent[key] = [inner]
  return JSON.parse(JSON.stringify(root.value ?? null))
}

function placesIn(parent: object): Place[] {
  return Object.entries(parent).flatMap(([key, inner]) => [
    { parent: parent as Record<string, unknown>, key },
    ...(typeof inner === 'object' && inner !== null ? placesIn(inner) : []),
  ])
}
