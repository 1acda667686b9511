import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { compileGrammar } from '../../../backend/grammar/grammar.ts'
import { taken, takes } from './texts.ts'

const ajv = new Ajv2020({ strict: false, multipleOfPrecision: 9 })

const scalars: readonly unknown[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  2,
  3,
  10,
  2.5,
  -0.5,
  12345,
  '',
  'a',
  'ab',
  'abc',
  'é中😀',
  'x-1',
]
const containers: readonly unknown[] = [
  [],
  [1],
  [1, 1],
  [1, 2],
  ['a', 1],
  ['a', 'b', 'c'],
  [[1], [2]],
  [null, 'a', 2],
  {},
  { a: 1 },
  { a: 'x' },
  { b: 1 },
  { a: 1, b: 2 },
  { b: 2, a: 1 },
  { a: 1, b: 'x', c: null },
  { x1: 1, x2: 2 },
  { x1: 'no' },
  { a: { b: { c: 1 } } },
  { kind: 'cat', meow: true },
  { kind: 'dog', bark: 3 },
  { kind: 'dog', meow: true },
  { 'é中😀': 1 },
]
const values = [...scalars, ...containers]

const schemas: Readonly<Record<string, readonly unknown[]>> = {
  type: [{ type: 'integer' }, { type: ['string', 'null'] }, { type: 'object' }, true, {}],
  'enum and const': [
    { enum: ['a', 1, null] },
    { enum: [[1, 2], { a: 1 }] },
    { const: { a: 1, b: 2 } },
    { const: 'ab' },
  ],
  numbers: [
    { type: 'number', minimum: 1, maximum: 10 },
    { type: 'number', exclusiveMinimum: -0.5, exclusiveMaximum: 2.5 },
    { type: 'integer', minimum: -1 },
    { multipleOf: 2.5 },
    { type: 'integer', multipleOf: 3, minimum: 1 },
  ],
  strings: [
    { type: 'string', minLength: 1, maxLength: 2 },
    { type: 'string', pattern: '^[a-z]+$' },
    { type: 'string', pattern: 'b' },
    { type: 'string', pattern: '^(?!ab)', maxLength: 3 },
    { type: 'string', pattern: '^[a-z]+$', minLength: 2, maxLength: 2 },
  ],
  arrays: [
    { type: 'array', items: { type: 'integer' } },
    { type: 'array', minItems: 2, maxItems: 2 },
    { prefixItems: [{ type: 'string' }], items: { type: 'integer' } },
    { type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer' }], items: false },
    { type: 'array', contains: { type: 'string' } },
    { type: 'array', contains: { const: 1 }, minContains: 2 },
    { type: 'array', contains: { const: 1 }, maxContains: 1 },
    { type: 'array', items: { type: ['integer', 'string', 'null'] }, uniqueItems: true },
  ],
  objects: [
    { type: 'object', properties: { a: { type: 'integer' } } },
    { type: 'object', properties: { a: true }, additionalProperties: false },
    { type: 'object', additionalProperties: { type: 'integer' } },
    { type: 'object', required: ['a', 'b'] },
    { type: 'object', patternProperties: { '^x': { type: 'integer' } }, additionalProperties: false },
    { type: 'object', propertyNames: { pattern: '^[a-c]$' } },
    { type: 'object', minProperties: 1, maxProperties: 1 },
    { type: 'object', dependentRequired: { a: ['b'] } },
    { type: 'object', dependentSchemas: { a: { required: ['b'] } } },
  ],
  combinations: [
    { allOf: [{ type: 'string' }, { minLength: 2 }, { pattern: '^a' }] },
    { allOf: [{ properties: { a: { type: 'integer' } } }, { required: ['a'] }], type: 'object' },
    {
      anyOf: [
        { type: 'string', maxLength: 1 },
        { type: 'integer', minimum: 5 },
      ],
    },
    { oneOf: [{ type: 'integer' }, { type: 'number', minimum: 2 }] },
    { oneOf: [{ required: ['a'] }, { required: ['b'] }], type: 'object' },
    {
      oneOf: [
        { properties: { kind: { const: 'cat' }, meow: { type: 'boolean' } }, required: ['kind', 'meow'] },
        { properties: { kind: { const: 'dog' }, bark: { type: 'integer' } }, required: ['kind', 'bark'] },
      ],
      type: 'object',
    },
    { not: { type: 'string' } },
    { not: { required: ['a'] }, type: 'object' },
    { not: { enum: [1, 'a', null] } },
    { type: 'array', not: { items: { type: 'integer' } } },
    { type: 'object', not: { additionalProperties: { type: 'integer' } } },
    // as text: an object with a member called then looks like a promise
    JSON.parse(
      '{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"required":["kind"]},"type":"object"}',
    ),
    {
      $ref: '#/$defs/tree',
      $defs: {
        tree: {
          type: 'object',
          additionalProperties: { anyOf: [{ $ref: '#/$defs/tree' }, { type: 'integer' }] },
        },
      },
    },
  ],
}

describe('takes exactly the values that ajv finds valid', () => {
  for (const [family, list] of Object.entries(schemas)) {
    test.each(list.map((schema) => [JSON.stringify(schema), schema]))(`${family}: %s`, (_, schema) => {
      const validate = ajv.compile(schema as object | boolean)
      expect(taken(schema, values)).toEqual(values.filter((value) => validate(value)))
    })
  }
})

const formats: readonly [string, readonly string[], readonly string[]][] = [
  ['date', ['2024-02-29', '1999-12-31'], ['2023-02-29', '2024-13-01', '24-01-01']],
  [
    'date-time',
    ['2024-05-29T14:22:35.182Z', '2024-05-29T14:22:35+08:00'],
    ['2024-05-29', '2024-05-29T25:00:00Z'],
  ],
  ['time', ['14:22:35Z'], ['14:22', '24:00:00Z']],
  ['duration', ['P1Y2M', 'PT5M', 'P2W'], ['P', 'PT', '1D']],
  ['email', ['a.b@example.com'], ['a@', '@b.c', 'a b@c.d']],
  ['hostname', ['example.com', 'a-b.c'], ['-a.b', 'a..b']],
  ['ipv4', ['127.0.0.1'], ['256.0.0.1', '1.2.3']],
  ['ipv6', ['::1', 'fe80::1:2', '1:2:3:4:5:6:7:8'], ['1::2::3', ':::', '12345::']],
  ['uri', ['https://example.com/a?b=c#d', 'urn:isbn:0451450523'], ['example.com', 'http://a b']],
  ['uuid', ['123e4567-e89b-12d3-a456-426614174000'], ['123e4567e89b12d3a456426614174000']],
  ['byte', ['aGk=', ''], ['a', '====']],
]

test.each(formats)('format %s is enforced', (format, good, bad) => {
  expect(taken({ type: 'string', format }, [...good, ...bad])).toEqual(good)
})

test.each([
  [{ type: 'string', format: 'colour' }, '"format" at #'],
  [
    { type: 'object', properties: { a: { unevaluatedProperties: false } } },
    '"unevaluatedProperties" at #/properties/a',
  ],
  [{ properties: { 'a/b': { type: 'string', pattern: '(a)\\1' } } }, '"pattern" at #/properties/a~1b'],
  [{ items: { $ref: 'http://example.com/schema' } }, '"$ref" at #/items'],
  [{ $ref: '#' }, '"$ref" at #'],
  [{ items: { type: 'array', items: {}, uniqueItems: true } }, '"uniqueItems" at #/items'],
  [{ items: { minLength: -1 } }, '"minLength" at #/items'],
  [{ type: 'text' }, '"type" at #'],
  [{ type: 'string', minLength: 3, maxLength: 2 }, 'no value fulfils it'],
  [{ not: { const: [1] } }, '"not" at #/not'],
])('%j is refused, naming the keyword and its path', (schema, message) => {
  expect(() => compileGrammar(schema)).toThrow(message)
})

test('a key spelled with escapes is the same key', () => {
  const schema = { type: 'object', properties: { ab: { type: 'integer' } }, additionalProperties: false }
  expect(takes(schema, '{"\\u0061b":1}')).toBe(true)
  expect(takes(schema, '{"\\u0061b":"x"}')).toBe(false)
  expect(takes(schema, '{"ab":1,"\\u0061b":1}')).toBe(false)
})

test('a key comes once, declared or not', () => {
  expect(takes({ type: 'object' }, '{"x":1,"x":2}')).toBe(false)
  expect(takes({ type: 'object' }, '{"x":1,"\\u0078":2}')).toBe(false)
  expect(takes({ type: 'object' }, '{"x":1,"y":{"x":2}}')).toBe(true)
  expect(takes({ type: 'object', properties: { x: true } }, '{"x":1,"x":2}')).toBe(false)
})

test('strings hold whole characters: no lone surrogates, no overlong or broken UTF-8', () => {
  const schema = { type: 'string' }
  expect(takes(schema, '"\\ud83d\\ude00"')).toBe(true)
  for (const text of [
    '"\\ud83d"',
    '"\\ude00"',
    '"\\ud83dx"',
    '"\\ud83d\\u0041"',
    '"\u0001"',
    '"\\x"',
    '"\\u12g4"',
  ]) {
    expect(takes(schema, text), text).toBe(false)
  }
})

test('white space between parts is bounded: one space, or a line break and an indent', () => {
  const schema = { type: 'array', items: { type: 'object' } }
  expect(takes(schema, JSON.stringify([{ a: [1, { b: 2 }] }, {}], null, 4))).toBe(true)
  expect(takes(schema, '[{"a": 1, "b": 2}, {}]')).toBe(true)
  for (const text of ['[  ]', '[\n\n]', ' []', '[] ', '[{} ,{}]', '[{"a" :1}]', `[\n${' '.repeat(9)}{}]`]) {
    expect(takes(schema, text), text).toBe(false)
  }
})

test('numbers stay finite and of bounded length', () => {
  expect(takes({ type: 'number' }, '1.5e-7')).toBe(true)
  for (const text of ['1e999', `1${'0'.repeat(30)}`, '01', '1.', '.5', '+1', '-']) {
    expect(takes({ type: 'number' }, text), text).toBe(false)
  }
})
