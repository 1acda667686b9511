import { expect, test } from 'vitest'
import { argumentValue } from '../../../backend/chat/argument-value.ts'

test.each([
  ['12', undefined, 12],
  ['Oslo', undefined, 'Oslo'],
  ['{"a": [1]}', undefined, { a: [1] }],
  [' 12 ', { type: 'integer' }, 12],
  ['12', { type: 'string' }, '12'],
  ['null', { type: 'string' }, 'null'],
  ['null', { type: ['string', 'null'] }, null],
  ['12', { type: ['string', 'null'] }, '12'],
  ['12', { type: ['string', 'integer'] }, 12],
  ['12.5', { type: ['string', 'integer'] }, '12.5'],
  ['12', { anyOf: [{ type: 'string' }, { type: 'null' }] }, '12'],
  ['null', { anyOf: [{ type: 'string' }, { type: 'null' }] }, null],
  ['3', { enum: ['3', '4'] }, '3'],
  ['3', { enum: [3, '4'] }, 3],
  ['true', { const: 'true' }, 'true'],
  ['[1', { type: 'array' }, '[1'],
  ['12', { type: 'boolean' }, 12],
  ['12', { anyOf: [{ $ref: '#/x' }, { type: 'string' }] }, 12],
])('%j under %j is %j', (text, schema, expected) => {
  expect(argumentValue(text, schema)).toEqual(expected)
})
