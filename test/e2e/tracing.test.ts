import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { askProgram } from '../support/program.ts'
import { startTestServer } from '../support/start-test-server.ts'

interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
}

test('a request is a span of its caller’s trace, with a span for every stage; its texts stay here', async () => {
  const bodies: string[] = []
  const collector = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks).toString())
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(collector, 'listening')
  const { port } = collector.address() as AddressInfo
  const server = await startTestServer(['--otlp-url', `http://127.0.0.1:${port}/v1/traces`])
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` }
  const answer = await askProgram(
    server.url,
    { prompt: 'What is the total?', max_new_tokens: 4 },
    null,
    headers,
  )
  expect(answer.status).toBe(200)
  await answer.text()
  await server.close()
  collector.close()
  const spans: CollectedSpan[] = bodies.flatMap((body) =>
    JSON.parse(body).resourceSpans[0].scopeSpans.flatMap((scope: { spans: CollectedSpan[] }) => scope.spans),
  )
  const root = spans.find(({ parentSpanId }) => parentSpanId === 'b7ad6b7169203331')
  expect(root).toMatchObject({ traceId, name: 'POST /v1/multimodal/completions' })
  expect(answer.headers.get('traceparent')).toBe(`00-${traceId}-${root?.spanId}-01`)
  const stages = spans.filter(({ parentSpanId }) => parentSpanId === root?.spanId).map(({ name }) => name)
  expect(stages).toEqual(['queue', 'image', 'vision', 'prefill', 'decode'])
  expect(bodies.join('')).not.toMatch(/What is|base64/)
})

test('without a collector no trace is begun', async () => {
  const server = await startTestServer()
  const health = await fetch(`${server.url}/health`)
  expect(health.headers.get('traceparent')).toBeNull()
  await server.close()
})
