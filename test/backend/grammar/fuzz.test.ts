import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { compileGrammar, type Grammar } from '../../../backend/grammar/grammar.ts'
import { GrammarTooLargeError } from '../../../backend/grammar/limits.ts'
import { Masker } from '../../../backend/grammar/masker.ts'
import { SchemaError } from '../../../backend/grammar/schema/schema-node.ts'
import { buildVocabulary, bytesOf } from '../../../backend/grammar/vocabulary.ts'
import { Random, testSeed } from '../../support/random.ts'
import { randomSchema, randomValue } from './random-schema.ts'
import { follow } from './texts.ts'

/** `GRAMMAR_FUZZ=20000 npx vitest run test/backend/grammar/fuzz.test.ts` is the long run. */
const rounds = Number(process.env['GRAMMAR_FUZZ'] ?? 250)
const valuesPerSchema = 30
const maxTokens = 3_000
const eosToken = 0

/** Few letters and many quotes, so that strings end soon; tokens across borders of every kind. */
const tokenTexts = [
  ...Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)),
  ...[
    '\n',
    '\t',
    '  ',
    '\n  ',
    '{"',
    '["',
    '":',
    '": ',
    '":"',
    '": "',
    '",',
    '", "',
    '","',
    '"}',
    '"]',
    '"}]',
    '},',
    '}, {',
    '],',
  ],
  ...[
    '"a":',
    '"b": ',
    'a"',
    'b"',
    'ab"',
    'c":1',
    'x1',
    '"x1":',
    '1,',
    '10',
    '0.5',
    '-1',
    'null',
    'true,',
    'false}',
    '\\u00',
    '\\"',
    '\\n',
  ],
  ...['"a":1,"a":', '"q","q"', 'é', '中', '😀', '"é'],
]
const partials = [[0xc3], [0xa9, 0x22], [0xf0, 0x9f], [0x98, 0x80], [0xe4, 0xb8], [0xad], [0xff], [0x80]]
const tokenBytes = [
  null,
  ...tokenTexts.map((text) => Uint8Array.from(Buffer.from(text))),
  ...partials.map((bytes) => Uint8Array.from(bytes)),
]
const vocabulary = buildVocabulary(tokenBytes, [eosToken])
const ajv = new Ajv2020({ strict: false, allErrors: false, multipleOfPrecision: 9 })

test('random schemas: what ends by itself is valid, and every valid value can be written', {
  timeout: 3_600_000,
}, () => {
  const seed = testSeed()
  const random = new Random(seed)
  const tally = { refused: 0, ended: 0, cut: 0, missed: 0, values: 0 }
  for (let round = 0; round < rounds; round++) {
    const schema = randomSchema(random)
    const at = `TEST_SEED=${seed}, round ${round}: ${JSON.stringify(schema)}`
    const validate = judgeOf(schema)
    const grammar = compileUnlessRefused(schema)
    if (grammar === null) {
      tally.refused++
      continue
    }
    const text = randomText(random, grammar, at)
    if (text === null) tally.cut++
    else {
      tally.ended++
      expect(validate(JSON.parse(text)), `${at} gave ${text}`).not.toBe(false)
    }
    for (let i = 0; i < valuesPerSchema; i++) {
      const value = randomValue(random)
      const taken = follow(grammar.start(), JSON.stringify(value))?.mayEnd ?? false
      const valid = validate(value)
      if (valid === null) continue
      if (valid && !taken) tally.missed++
      if (taken) expect(valid, `${at} takes ${JSON.stringify(value)}`).toBe(true)
      if (taken) tally.values++
    }
  }
  const summary = `TEST_SEED=${seed}: ${JSON.stringify(tally)}`
  expect(tally.missed / (tally.values + tally.missed), summary).toBeLessThan(0.01)
  expect(tally.refused / rounds, summary).toBeLessThan(0.3)
  expect(tally.cut / (tally.ended + tally.cut), summary).toBeLessThan(0.05)
})

/** What ajv says; null where its generated code fails (it does not always make the sets it keeps names in). */
function judgeOf(schema: unknown): (value: unknown) => boolean | null {
  const validate = ajv.compile(schema as object | boolean)
  return (value) => {
    try {
      return validate(value)
    } catch (error) {
      if (error instanceof TypeError) return null
      throw error
    }
  }
}

function compileUnlessRefused(schema: unknown): Grammar | null {
  try {
    return compileGrammar(schema)
  } catch (error) {
    if (error instanceof SchemaError || error instanceof GrammarTooLargeError) return null
    throw error
  }
}

/** Picks among the allowed tokens until the end is picked; null: cut after `maxTokens`. */
function randomText(random: Random, grammar: Grammar, at: string): string | null {
  const masker = new Masker(vocabulary)
  let state = grammar.start()
  const bytes: number[] = []
  for (let step = 0; step < maxTokens; step++) {
    const allowed = bitsOf(masker.mask('', state))
    const soFar = `${at} after ${Buffer.from(bytes)}`
    expect(allowed.length, `${soFar}: nothing may follow`).toBeGreaterThan(0)
    if (step % 7 === 0) expect(allowed, soFar).toEqual(tokenByToken(state))
    const token = random.pick(allowed)
    if (token === eosToken) return Buffer.from(bytes).toString()
    for (const byte of bytesOf(vocabulary, token)) {
      bytes.push(byte)
      state = state.step(byte) ?? state
    }
  }
  return null
}

/** The mask, the obvious way. */
function tokenByToken(state: ReturnType<Grammar['start']>): number[] {
  return tokenBytes.flatMap((bytes, token) => {
    if (bytes === null) return state.mayEnd ? [token] : []
    let at: typeof state | null = state
    for (const byte of bytes) at = at?.step(byte) ?? null
    return at === null ? [] : [token]
  })
}

function bitsOf(mask: Uint32Array): number[] {
  return tokenBytes.flatMap((_, token) => (((mask[token >> 5] ?? 0) >> (token & 31)) & 1 ? [token] : []))
}
