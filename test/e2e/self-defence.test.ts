import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { askProgram, killPrograms, startProgram } from '../support/program.ts'

afterEach(killPrograms)

test('a model that hangs turns /health unhealthy and ends the process with an error for its supervisor', async () => {
  const preload = fileURLToPath(new URL('../support/hang-on-marker.mjs', import.meta.url))
  const program = startProgram(['--stall-timeout', '1'], { NODE_OPTIONS: `--import=${preload}` })
  const url = await program.url()
  const stuck = askProgram(url, { top_k: 7777, temperature: 1 }).catch((error: unknown) => error)
  await program.line('The model has stalled')
  const health = await fetch(`${url}/health`)
  expect([health.status, await health.json()]).toMatchObject([503, { status: 'unhealthy' }])
  const refused = await askProgram(url)
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: 'not_ready' } }])
  const [code, signal] = await once(program.child, 'exit')
  expect([code, signal]).toEqual([null, 'SIGKILL'])
  expect(await stuck).toBeInstanceOf(Error)
})

test('what the server may take is printed at start, and refused in one line when it cannot fit', async () => {
  const fits = startProgram()
  expect(await fits.line('Memory')).toMatchObject({
    model_mb: expect.any(Number),
    kv_cache_mb: expect.any(Number),
    image_cache_mb: 268,
    requests_mb: 537,
    total_mb: expect.any(Number),
    available_mb: expect.any(Number),
  })
  const huge = startProgram(['--image-cache-bytes', String(10 ** 12)])
  const errors: string[] = []
  huge.child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk.toString()))
  const [code] = await once(huge.child, 'exit')
  expect(code).toBe(1)
  expect(errors.join('')).toMatch(/^out of memory: .*--image-cache-bytes.*\n$/)
})

test('pictures that all requests hold are bounded in bytes, and given back', async () => {
  const release = Promise.withResolvers<void>()
  const fetched = Promise.withResolvers<void>()
  const site = createServer(async (_, response) => {
    fetched.resolve()
    await release.promise
    response.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  await once(site, 'listening')
  const host = `127.0.0.1:${(site.address() as AddressInfo).port}`
  const program = startProgram([
    ...['--allow-image-host', host, '--max-image-bytes', '1000000', '--max-held-bytes', '1010000'],
  ])
  const url = await program.url()
  const first = askProgram(url, { image: `http://${host}/slow.png` })
  await fetched.promise
  const refused = await askProgram(url)
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: 'queue_full' } }])
  expect(refused.headers.get('retry-after')).toMatch(/^[1-9]/)
  release.resolve()
  expect((await first).status).toBe(400)
  expect((await askProgram(url, { max_new_tokens: 2 })).status).toBe(200)
  site.close()
})
