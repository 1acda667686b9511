import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { createApp } from '../../../backend/app.ts'
import { parseConfig } from '../../../backend/config.ts'
import type { JobService } from '../../../backend/deferral/start-jobs.ts'
import { type OpenApiDocument, operationsOf } from '../../../backend/http/openapi-document.ts'
import { createLog } from '../../../backend/log.ts'
import { Server } from '../../../backend/server.ts'
import { errorCodes } from '../../../shared/errors.ts'

const { config } = parseConfig(['--api-key', 'a-key-for-this-test'], {})
// no route of the queue is called: that they are there is enough
const app = createApp(
  new Server(config, createLog({ level: 'silent', format: 'json' }), '1.2.3', {} as JobService),
)
const get = (path: string, method = 'GET') => app.request(path, { method }, {})
const response = await get('/openapi.json')
const document = (await response.json()) as OpenApiDocument
const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
  operationsOf(item).map(({ method, operation }) => ({ path, method, operation })),
)

test('the document is OpenAPI 3.1 and open to whoever has no key', () => {
  expect(response.status).toBe(200)
  expect(document).toMatchObject({ openapi: '3.1.0', info: { version: '1.2.3' } })
})

test('every route is in the document, and nothing else', () => {
  const served = app.routes
    .filter(({ method, path }) => method !== 'ALL' && !path.includes('*'))
    .map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:(\w+)(\{[^}]*\})?/g, '{$1}')}`)
  const described = operations.map(({ method, path }) => `${method} ${path}`)
  expect(new Set(described)).toEqual(new Set(served))
})

/** The codes an operation declares, by status. */
function declaredCodes() {
  return operations.flatMap(({ operation }) =>
    Object.entries(operation.responses ?? {}).flatMap(([status, { content }]) => {
      const schema = JSON.stringify(content?.['application/json']?.schema ?? {})
      const codes = /"code":\{"enum":(\[[^\]]*\])/.exec(schema)?.[1]
      return codes === undefined
        ? []
        : (JSON.parse(codes) as string[]).map((code) => [code, Number(status)] as const)
    }),
  )
}

test('every code of the table is in the schema of errors, and every declared one under its own status', () => {
  const listed = JSON.stringify(document.components?.schemas?.['Error'])
  for (const code of Object.keys(errorCodes)) expect(listed).toContain(`"${code}"`)
  for (const [name, status] of declaredCodes()) {
    expect([name, errorCodes[name as keyof typeof errorCodes].status]).toEqual([name, status])
  }
})

test('every code that the sources throw is declared by an operation', () => {
  const root = fileURLToPath(new URL('../../../', import.meta.url))
  const sources = globSync(['backend/**/*.ts', 'shared/**/*.ts'], { cwd: root })
  const thrown = sources.flatMap((file) =>
    [...readFileSync(`${root}/${file}`, 'utf8').matchAll(/new ApiError\(\s*'(\w+)'/g)].map(
      ([, code]) => code,
    ),
  )
  expect(thrown.length).toBeGreaterThan(50)
  const declared = new Set(declaredCodes().map(([code]) => code))
  // Said of all paths in the description; and nobody is there to read the third.
  const elsewhere = new Set(['not_found', 'method_not_allowed', 'client_closed_request'])
  expect(thrown.filter((code) => !declared.has(code ?? '') && !elsewhere.has(code ?? ''))).toEqual([])
  expect(document.info.description).toMatch(/not_found.*method_not_allowed/)
})

test('every reference leads somewhere and every example fits its schema', () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema({ $id: 'http://document/', ...document })
  for (const [, pointer] of JSON.stringify(document).matchAll(/"\$ref":"#([^"]*)"/g)) {
    const value = (pointer ?? '')
      .split('/')
      .slice(1)
      .reduce((at: never, key) => at?.[key], document as never)
    expect(value, pointer).toBeDefined()
  }
  let examples = 0
  for (const [name, schema] of Object.entries(document.components?.schemas ?? {})) {
    if ('$ref' in schema || schema.example === undefined) continue
    examples += 1
    const validate = ajv.compile({ $ref: `http://document/#/components/schemas/${name}` })
    expect(validate(schema.example), `${name}: ${ajv.errorsText(validate.errors)}`).toBe(true)
  }
  expect(examples).toBeGreaterThanOrEqual(4)
})

test('open routes ask for no key, all others for the bearer key', async () => {
  expect(document.components?.securitySchemes?.['apiKey']).toMatchObject({ type: 'http', scheme: 'bearer' })
  for (const { path, method, operation } of operations) {
    if (operation.security !== undefined) expect(operation.security).toEqual([])
    const url = path.replaceAll(/\{\w+\}/g, 'x')
    const { status } = await get(url, method.toUpperCase())
    expect([path, status === 401]).toEqual([path, operation.security === undefined])
  }
})

test('the page shows every operation and schema, and can neither run, load nor send anything', async () => {
  const page = await get('/docs')
  const html = await page.text()
  const policy = page.headers.get('content-security-policy') ?? ''
  const style = /<style>([\s\S]*?)<\/style>/.exec(html)?.[1] ?? ''
  expect(policy).toContain(`'sha256-${createHash('sha256').update(style).digest('base64')}'`)
  expect(policy).toContain("default-src 'none'")
  expect(html).not.toMatch(/<script|<img|<link|<iframe| style="| on\w+="/)
  const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
  expect(new Set(ids).size).toBe(ids.length)
  for (const [, target] of html.matchAll(/ href="#([^"]+)"/g)) expect(ids).toContain(target)
  for (const { path } of operations) expect(html).toContain(`<code>${path}</code>`)
  for (const name of Object.keys(document.components?.schemas ?? {})) expect(ids).toContain(`schema-${name}`)
})
