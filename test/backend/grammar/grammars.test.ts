import { afterAll, expect, test } from 'vitest'
import type { Constraint } from '../../../backend/engine/request.ts'
import { Grammars } from '../../../backend/grammar/grammars.ts'
import { ApiError } from '../../../shared/errors.ts'

const eosToken = 256
const tokenBytes = [...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)), null, null]
const { signal } = new AbortController()
const opened: Grammars[] = []

function open(options: Partial<ConstructorParameters<typeof Grammars>[0]> = {}): Grammars {
  const grammars = new Grammars({ tokenBytes, eosTokens: [eosToken], ...options })
  opened.push(grammars)
  return grammars
}

afterAll(async () => {
  await Promise.all(opened.map((grammars) => grammars.close()))
})

/** Forty contradictions, each of which takes thousands of states to see. */
const endless = {
  type: 'object',
  properties: Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => {
      const pattern = `a.{11}b|${index}`
      return [`p${index}`, { type: 'string', pattern, not: { pattern } }]
    }),
  ),
}

/** The bytes allowed next, as text; `$` stands for the end. */
function allowed(mask: Uint32Array): string {
  const tokens = Array.from({ length: 258 }, (_, token) => token).filter(
    (token) => ((mask[token >> 5] ?? 0) >> (token & 31)) & 1,
  )
  return tokens.map((token) => (token === eosToken ? '$' : String.fromCharCode(token))).join('')
}

test('a sequence is led through its text to the end token', async () => {
  const grammar = await open().compile({ type: 'json_schema', schema: { enum: ['ab', 'ac', 7] } }, signal)
  const constraint: Constraint = grammar.start()
  const seen = [allowed(await constraint.next(null))]
  for (const byte of Buffer.from('"ab"')) seen.push(allowed(await constraint.next(byte)))
  expect(seen).toEqual(['"7', '\\a', '\\bc', '"', '$'])
  constraint.close()
})

test('json_object is any object, and special tokens are never part of it', async () => {
  const grammar = await open().compile({ type: 'json_object' }, signal)
  const constraint = grammar.start()
  expect(allowed(await constraint.next(null))).toBe('{')
  await constraint.next(0x7b)
  const inKey = await constraint.next(0x22)
  expect((inKey[8] ?? 0) & 0b11).toBe(0)
  constraint.close()
})

test('sequences of one grammar do not disturb one another', async () => {
  const grammar = await open({ maxThreads: 1 }).compile(
    { type: 'json_schema', schema: { enum: ['a', 'b'] } },
    signal,
  )
  const [first, second] = [grammar.start(), grammar.start()]
  await Promise.all([first.next(null), second.next(null)])
  await Promise.all([first.next(0x22), second.next(0x22)])
  const [a, b] = await Promise.all([first.next(0x61), second.next(0x62)])
  expect(allowed(a)).toBe('"')
  expect(allowed(b)).toBe('"')
  first.close()
  second.close()
})

test('what cannot be enforced is a 400 that names the keyword and its path', async () => {
  const schema = { properties: { a: { unevaluatedItems: false } } }
  const refusal = await open()
    .compile({ type: 'json_schema', schema }, signal)
    .catch((error: unknown) => error)
  expect(refusal).toBeInstanceOf(ApiError)
  expect(refusal).toMatchObject({ code: 'unsupported_schema', status: 400, param: 'response_format' })
  expect(String(refusal)).toContain('"unevaluatedItems" at #/properties/a')
})

test('a schema that takes too long to compile is refused, and the sequences of its thread go on', async () => {
  const grammars = open({ maxThreads: 1, compileDeadlineMs: 1_000 })
  const grammar = await grammars.compile({ type: 'json_schema', schema: { enum: ['ab', 'ac'] } }, signal)
  const constraint = grammar.start()
  await constraint.next(null)
  await constraint.next(0x22)
  await expect(grammars.compile({ type: 'json_schema', schema: endless }, signal)).rejects.toThrow(
    'took longer than 1000 ms',
  )
  expect(allowed(await constraint.next(0x61))).toBe('\\bc')
  constraint.close()
})

test('a caller who leaves stops waiting at once', async () => {
  const leaving = new AbortController()
  const compiling = open().compile({ type: 'json_schema', schema: { type: 'integer' } }, leaving.signal)
  leaving.abort(new Error('gone'))
  await expect(compiling).rejects.toThrow('gone')
})

test('the cache is bounded: a schema that was dropped is compiled again', async () => {
  const grammars = open({ maxThreads: 1, maxCachedBytes: 100 })
  const schemas = Array.from({ length: 8 }, (_, index) => ({ enum: [`${index}${'x'.repeat(40)}`] }))
  for (const schema of [...schemas, ...schemas]) {
    const constraint = (await grammars.compile({ type: 'json_schema', schema }, signal)).start()
    expect(allowed(await constraint.next(null))).toBe('"')
    constraint.close()
  }
})
