import type { Random } from '../../support/random.ts'

const names = ['a', 'b', 'c', 'x1']
const strings = ['', 'a', 'ab', 'b', 'abc', 'é', '😀a', 'x-1']
const numbers = [0, 1, 2, 3, 5, 10, -1, -4, 0.5, 2.5]
const patterns = ['^a', 'b$', '^[a-c]+$', '^x\\d', '^(?!ab)', '^\\w{1,3}$', '.{2}']

/** A schema over few names and values, so that its parts meet. */
export function randomSchema(random: Random, depth = 3): unknown {
  if (random.chance(0.04)) return random.chance(0.8)
  if (depth === 0 || random.chance(0.15)) return scalarSchema(random)
  const below = () => randomSchema(random, depth - 1)
  switch (random.below(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return objectSchema(random, below)
    case 4:
    case 5:
      return arraySchema(random, below)
    case 6:
      return { anyOf: [below(), below()] }
    case 7:
      return { oneOf: [below(), below(), ...(random.chance(0.3) ? [below()] : [])] }
    case 8:
      return { allOf: [below(), below()] }
    case 9:
      return { not: below() }
    case 10:
      return Object.fromEntries(['if', 'then', 'else'].map((keyword) => [keyword, below()]))
    default:
      return {
        ...objectOf(objectSchema(random, below)),
        anyOf: [{ required: [random.pick(names)] }, below()],
      }
  }
}

function scalarSchema(random: Random): unknown {
  switch (random.below(9)) {
    case 0:
      return { type: random.pick(['string', 'integer', 'number', 'boolean', 'null']) }
    case 1:
      return { enum: [random.pick(strings), random.pick(numbers), random.pick([null, true, false])] }
    case 2:
      return { const: random.chance(0.5) ? random.pick(strings) : random.pick(numbers) }
    case 3:
      return { type: 'string', minLength: random.below(3), maxLength: 1 + random.below(4) }
    case 4:
      return { type: 'string', pattern: random.pick(patterns), maxLength: 2 + random.below(6) }
    case 5:
      return { type: 'integer', minimum: random.below(5) - 4, maximum: random.below(20) }
    case 6:
      return { type: 'number', exclusiveMinimum: random.below(3) - 2, maximum: 2 + random.below(9) / 2 }
    case 7:
      return { type: 'integer', multipleOf: 1 + random.below(4), minimum: 0, maximum: 40 }
    default:
      return { type: ['string', 'null'], minLength: 1 }
  }
}

function arraySchema(random: Random, below: () => unknown): unknown {
  const counts = { minItems: random.below(3), maxItems: 2 + random.below(3) }
  switch (random.below(5)) {
    case 0:
      return { type: 'array', items: below(), ...counts }
    case 1:
      return { type: 'array', prefixItems: [below(), below()], items: below(), ...counts }
    case 2:
      return { type: 'array', items: scalarSchema(random), uniqueItems: true, ...counts }
    case 3:
      return { type: 'array', items: below(), contains: scalarSchema(random), ...counts }
    default:
      return { items: below(), maxItems: 3 }
  }
}

function objectSchema(random: Random, below: () => unknown): unknown {
  const properties = Object.fromEntries(names.filter(() => random.chance(0.5)).map((name) => [name, below()]))
  const schema: Record<string, unknown> = { type: 'object', properties }
  if (random.chance(0.6)) schema['required'] = names.filter(() => random.chance(0.3))
  if (random.chance(0.5)) schema['additionalProperties'] = random.chance(0.6) ? false : below()
  if (random.chance(0.2)) schema['patternProperties'] = { [random.pick(patterns)]: below() }
  if (random.chance(0.15)) schema['propertyNames'] = { pattern: random.pick(patterns) }
  if (random.chance(0.2)) schema['minProperties'] = random.below(3)
  schema['maxProperties'] = 2 + random.below(3)
  if (random.chance(0.15)) schema['dependentRequired'] = { [random.pick(names)]: [random.pick(names)] }
  return schema
}

function objectOf(schema: unknown): object {
  return typeof schema === 'object' && schema !== null ? schema : {}
}

/** A value of the kind that random schemas speak of. */
export function randomValue(random: Random, depth = 3): unknown {
  const kind = random.below(depth === 0 ? 4 : 7)
  if (kind === 0) return random.pick([null, true, false])
  if (kind === 1) return random.pick(numbers)
  if (kind <= 3) return random.pick(strings)
  if (kind === 4) return Array.from({ length: random.below(4) }, () => randomValue(random, depth - 1))
  const keys = [...names, 'ab'].filter(() => random.chance(0.4))
  return Object.fromEntries(keys.map((key) => [key, randomValue(random, depth - 1)]))
}
