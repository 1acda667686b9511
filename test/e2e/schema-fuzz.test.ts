import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../backend/start-server.ts'
import { randomSchema } from '../backend/grammar/random-schema.ts'
import { Random, testSeed } from '../support/random.ts'
import { startTestServer } from '../support/start-test-server.ts'

/** A sample here; `SCHEMA_FUZZ=500 npx vitest run test/e2e/schema-fuzz.test.ts` is the long run. */
const SCHEMAS = Number(process.env['SCHEMA_FUZZ'] ?? 96)
const MAX_TOKENS = 3800
const CONCURRENCY = 4
/** Random weights close a string when they happen to: of a sample a few more may not end, but of few schemas one is much. */
const MIN_FINISHED = SCHEMAS < 100 ? 0.9 : 0.95

const randomModel = fileURLToPath(new URL('../fixtures/glm4v-random', import.meta.url))
let running: RunningServer
beforeAll(async () => {
  running = await startTestServer(['--model-path', randomModel, '--max-context-length', '4096'])
})
afterAll(() => running.close())

interface Answer {
  readonly choices: readonly [
    { readonly message: { readonly content: string }; readonly finish_reason: string },
  ]
}

/** The API takes no schema that is `true` or `false`. */
function objectSchema(random: Random): object {
  const schema = randomSchema(random)
  return typeof schema === 'object' && schema !== null ? schema : objectSchema(random)
}

async function ask(schema: unknown, seed: number): Promise<Answer | 'refused'> {
  const response = await fetch(`${running.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'glm4v-random',
      messages: [{ role: 'user', content: 'x' }],
      response_format: { type: 'json_schema', json_schema: { name: 'fuzz', schema } },
      temperature: 1,
      top_p: 1,
      top_k: 0,
      seed,
      max_tokens: MAX_TOKENS,
    }),
  })
  const body = await response.json()
  if (response.status !== 200) {
    expect([response.status, body]).toMatchObject([400, { error: { code: 'unsupported_schema' } }])
    return 'refused'
  }
  return body as Answer
}

const ajv = new Ajv2020({ strict: false, multipleOfPrecision: 9 })

/** Null: ajv's own code broke; it loses track of evaluated properties under some nested combinations. */
function judge(schema: object, value: unknown): boolean | null {
  try {
    return ajv.validate(schema, value)
  } catch (error) {
    if (error instanceof TypeError) return null
    throw error
  }
}

test('a model of random weights writes what fits random schemas, whenever it comes to an end', {
  timeout: 3_600_000,
}, async () => {
  const seed = testSeed()
  const random = new Random(seed)
  const schemas = Array.from({ length: SCHEMAS }, () => objectSchema(random))
  const tally = { finished: 0, unjudged: 0, cut: 0, refused: 0 }
  const worker = async () => {
    for (let schema = schemas.pop(); schema !== undefined; schema = schemas.pop()) {
      const answer = await ask(schema, random.below(2 ** 31))
      const report = `seed ${seed}: ${JSON.stringify(schema)} → ${JSON.stringify(answer).slice(0, 500)}`
      if (answer === 'refused') {
        tally.refused += 1
        continue
      }
      const [{ message, finish_reason: reason }] = answer.choices
      expect(['stop', 'length'], report).toContain(reason)
      if (reason === 'length') tally.cut += 1
      else {
        tally.finished += 1
        const fits = judge(schema, JSON.parse(message.content))
        if (fits === null) tally.unjudged += 1
        else expect(fits, report).toBe(true)
      }
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  expect(tally.unjudged).toBeLessThanOrEqual(Math.max(1, SCHEMAS / 100))
  expect(
    tally.finished / (tally.finished + tally.cut),
    `seed ${seed}: ${JSON.stringify(tally)}`,
  ).toBeGreaterThan(MIN_FINISHED)
})
