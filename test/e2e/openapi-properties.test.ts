import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OpenApiDocument, type Operation, operationsOf } from '../../backend/http/openapi-document.ts'
import type { RunningServer } from '../../backend/start-server.ts'
import { dataUri } from '../support/pictures.ts'
import { testSeed } from '../support/random.ts'
import { type Schema, SchemaArbitrary } from '../support/schema-arbitrary.ts'
import { startTestServer } from '../support/start-test-server.ts'

/** For each operation with a body; a sample here, as many as you like with FUZZ_REQUESTS. */
const RUNS = Number(process.env['FUZZ_REQUESTS'] ?? 60)
const KEY = 'a-key-for-this-test'
const seed = testSeed()

let running: RunningServer
let document: OpenApiDocument
let ajv: Ajv2020
let arbitrary: SchemaArbitrary

beforeAll(async () => {
  running = await startTestServer(['--api-key', KEY])
  document = (await (await fetch(`${running.url}/openapi.json`)).json()) as OpenApiDocument
  ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema({ $id: 'http://document/', ...document })
  const small = { create: { width: 28, height: 28, channels: 3 as const, background: '#fff' } }
  const picture = dataUri(await sharp(small).png().toBuffer())
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 8 }),
    fc.constantFrom('金额', '<|image|>', '</think>'),
  )
  const image = fc.oneof(
    { arbitrary: fc.constant(picture), weight: 6 },
    {
      arbitrary: fc.constantFrom('', 'x', picture.slice(0, 60), 'data:image/png;base64,', 'ftp://x/y'),
      weight: 1,
    },
  )
  const few = fc.integer({ min: 1, max: 3 })
  arbitrary = new SchemaArbitrary(document, {
    model: fc.constantFrom('glm4v-tiny', 'glm4v-tiny', 'another'),
    text,
    prompt: text,
    url: image,
    image: fc.oneof(image, fc.array(image, { maxLength: 3 })),
    max_new_tokens: few,
    max_tokens: few,
    max_completion_tokens: few,
    n: few,
  })
})
afterAll(() => running.close())

interface Sent {
  readonly path: string
  readonly method: string
  readonly operation: Operation
  readonly body?: string | FormData
  readonly contentType?: string
  readonly key?: string | null
}

/** Sends a request and holds the answer to what the document says of the operation. */
async function send({ path, method, operation, body, contentType, key = KEY }: Sent) {
  const response = await fetch(running.url + path, {
    method: method.toUpperCase(),
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
    },
    ...(body === undefined ? {} : { body }),
  })
  const text = await response.text()
  const declared = operation.responses?.[String(response.status)]
  const report = `${response.status} ${text.slice(0, 300)}`
  expect(declared, report).toBeDefined()
  expect(response.status, report).not.toBe(500)
  for (const name of Object.keys(declared?.headers ?? {})) {
    if (name === 'Server-Timing') continue // not in streams
    expect(response.headers.has(name), `${name}: ${report}`).toBe(true)
  }
  const mediaType = response.headers.get('content-type')?.split(';', 1)[0]?.toLowerCase() ?? ''
  const schema: Schema | undefined = declared?.content?.[mediaType]?.schema
  expect(schema, `${mediaType}: ${report}`).toBeDefined()
  if (mediaType === 'application/json') requireFit(schema, JSON.parse(text), report)
  if (mediaType === 'text/event-stream') requireStream(schema, text)
  return { status: response.status, report }
}

function requireFit(schema: Schema | undefined, value: unknown, report: string) {
  expect(fits(schema, value), `${ajv.errorsText(ajv.errors)}: ${report}`).toBe(true)
}

const validators = new WeakMap<object, (value: unknown) => boolean>()

function fits(schema: Schema | undefined, value: unknown): boolean {
  if (schema === undefined) return true
  const validate = validators.get(schema) ?? ajv.compile(absolute(schema))
  validators.set(schema, validate)
  return validate(value)
}

/** The same schema with references that hold outside the document. */
function absolute(schema: Schema): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#', '"$ref":"http://document/#'))
}

function requireStream(schema: Schema | undefined, text: string) {
  const events = text.split('\n\n').filter((event) => event.startsWith('data: '))
  expect(events.pop(), text).toBe('data: [DONE]')
  for (const event of events) requireFit(schema, JSON.parse(event.slice('data: '.length)), event)
}

const operations = () =>
  Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    operationsOf(item).map(({ method, operation }) => ({ path, method, operation })),
  )

const bodyOf = ({ requestBody }: Operation, mediaType: string): Schema | undefined =>
  requestBody !== undefined && 'content' in requestBody ? requestBody.content[mediaType]?.schema : undefined

test('every operation that takes JSON answers valid and invalid requests as declared', {
  timeout: 600_000,
}, async () => {
  for (const { path, method, operation } of operations()) {
    const schema = bodyOf(operation, 'application/json')
    if (schema === undefined) continue
    const statuses: number[] = []
    const bodies = fc.oneof(
      { arbitrary: arbitrary.valid(schema), weight: 2 },
      { arbitrary: arbitrary.mutated(schema), weight: 1 },
    )
    const property = fc.asyncProperty(bodies, async (body) => {
      const sent = { path, method, operation, body: JSON.stringify(body), contentType: 'application/json' }
      const { status, report } = await send(sent)
      statuses.push(status)
      if (!fits(schema, body)) expect([400, 404], report).toContain(status)
    })
    await fc.assert(property, { seed, numRuns: RUNS })
    expect(statuses.filter((status) => status === 200).length, path).toBeGreaterThan(0) // how many are valid is chance
    expect(statuses.filter((status) => status === 400).length, path).toBeGreaterThan(0)
  }
})

test('every operation that takes a form answers it as declared', { timeout: 600_000 }, async () => {
  for (const { path, method, operation } of operations()) {
    const schema = bodyOf(operation, 'multipart/form-data')
    if (schema === undefined) continue
    const fields = arbitrary.valid(schema) as fc.Arbitrary<Record<string, unknown>>
    const property = fc.asyncProperty(fields, async (value) => {
      const form = new FormData()
      for (const [name, field] of Object.entries(value)) {
        for (const item of [field].flat()) form.append(name, String(item))
      }
      await send({ path, method, operation, body: form })
    })
    await fc.assert(property, { seed, numRuns: RUNS / 4 })
  }
})

test('every operation answers anybody, any parameter and any body as declared', async () => {
  const anything = fc.record({
    key: fc.constantFrom(KEY, KEY, 'wrong-key-wrong', null),
    segment: fc.oneof(
      fc.constant('glm4v-tiny'),
      fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 9 }),
    ),
    body: fc.oneof(fc.json(), fc.string({ unit: 'binary' })),
    contentType: fc.constantFrom('application/json', 'text/plain', 'multipart/form-data; boundary=x'),
  })
  for (const { path, method, operation } of operations()) {
    const property = fc.asyncProperty(anything, async ({ key, segment, body, contentType }) => {
      const filled = path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(segment).replaceAll('.', '%2E'))
      const sent = { path: filled, method, operation, key }
      const { status, report } = await send(method === 'get' ? sent : { ...sent, body, contentType })
      const open = operation.security?.length === 0
      expect(status === 401, report).toBe(!open && key !== KEY)
    })
    await fc.assert(property, { seed, numRuns: 10 })
  }
})
