import type { Bound } from '../matchers/number-rule.ts'
import { type Fields, isStrings } from './fields.ts'
import type { ChildReader } from './read-schema.ts'
import { type Assertion, types } from './schema-node.ts'

const typeBits: Readonly<Record<string, number>> = {
  null: types.null,
  boolean: types.true | types.false,
  integer: types.number,
  number: types.number,
  string: types.string,
  array: types.array,
  object: types.object,
}

/** `type`, `nullable`, `enum` and `const`. */
export function readTypes(fields: Fields): Assertion[] {
  const out: Assertion[] = []
  const raw = fields.raw('type')
  if (raw !== undefined) {
    const names = typeof raw === 'string' ? [raw] : raw
    if (!isStrings(names) || names.some((name) => !Object.hasOwn(typeBits, name))) {
      throw fields.fail('type', 'must be a type, or an array of types, that JSON Schema knows')
    }
    const nullable = fields.raw('nullable') === true ? types.null : 0
    out.push({
      type: 'types',
      types: names.reduce((bits, name) => bits | (typeBits[name] ?? 0), nullable),
      integer: names.includes('integer') && !names.includes('number'),
    })
  }
  const values = fields.list('enum')
  if (values !== null) out.push({ type: 'values', values })
  if (fields.has('const')) out.push({ type: 'values', values: [fields.raw('const')] })
  return out
}

/** `minimum`, `maximum`, their exclusive forms (draft 4's booleans too) and `multipleOf`. */
export function readNumberKeywords(fields: Fields): Assertion[] {
  const out: Assertion[] = []
  for (const min of boundsOf(fields, 'minimum', 'exclusiveMinimum')) {
    out.push({ type: 'range', min: { ...min, value: within(min.value, 1) }, max: null })
  }
  for (const max of boundsOf(fields, 'maximum', 'exclusiveMaximum')) {
    out.push({ type: 'range', min: null, max: { ...max, value: within(max.value, -1) } })
  }
  const divisor = fields.number('multipleOf')
  if (divisor !== null) {
    if (divisor <= 0) throw fields.fail('multipleOf', 'must be above 0')
    out.push({ type: 'multipleOf', divisor })
  }
  return out
}

/** `items` in both its forms, `prefixItems`, `additionalItems`, counts, `contains` and `uniqueItems`. */
export function readArrayKeywords(fields: Fields, reader: ChildReader): Assertion[] {
  const out: Assertion[] = []
  const tupleKeyword = fields.has('prefixItems')
    ? 'prefixItems'
    : Array.isArray(fields.raw('items'))
      ? 'items'
      : null
  const restKeyword = tupleKeyword === 'items' ? 'additionalItems' : 'items'
  const tuple = tupleKeyword === null ? [] : (fields.list(tupleKeyword) ?? [])
  if (tupleKeyword !== null || fields.has(restKeyword)) {
    out.push({
      type: 'items',
      prefix: tuple.map((_, index) => reader.child(fields, tupleKeyword ?? '', String(index))),
      rest: fields.has(restKeyword) ? reader.child(fields, restKeyword) : null,
    })
  }
  const min = fields.count('minItems') ?? 0
  const max = fields.count('maxItems') ?? Number.POSITIVE_INFINITY
  if (min > 0 || max < Number.POSITIVE_INFINITY) out.push({ type: 'itemCount', min, max })
  if (fields.has('contains')) {
    out.push({
      type: 'contains',
      node: reader.child(fields, 'contains'),
      min: fields.count('minContains') ?? 1,
      max: fields.count('maxContains') ?? Number.POSITIVE_INFINITY,
    })
  }
  if (fields.boolean('uniqueItems') === true) out.push({ type: 'uniqueItems', path: fields.path })
  return out
}

function boundsOf(fields: Fields, inclusive: string, exclusive: string): Bound[] {
  const value = fields.number(inclusive)
  if (typeof fields.raw(exclusive) === 'boolean') {
    return value === null ? [] : [{ value, exclusive: fields.raw(exclusive) === true }]
  }
  const strict = fields.number(exclusive)
  return [
    ...(value === null ? [] : [{ value, exclusive: false }]),
    ...(strict === null ? [] : [{ value: strict, exclusive: true }]),
  ]
}

/** A bound beyond 2^53 was rounded when the request was parsed: it moves inwards by more than that. */
function within(value: number, inwards: 1 | -1): number {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER
    ? value
    : value + inwards * Math.abs(value) * Number.EPSILON
}
