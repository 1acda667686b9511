import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RunnerLostError } from '../../../backend/engine/runner.ts'
import { startRunner, WorkerRunner } from '../../../backend/runtime/worker-runner.ts'
import { convert, models, remove, start } from './support/converted-model.ts'
import { greedy } from './support/prompts.ts'

const options = { slots: 2, maxLength: 64, threads: 1, device: 'cpu' }
const warmUp = { prefillChunk: 16, prefillMs: 1, decodeMs: 1 }
const facts = { vocabSize: 8, featureBytesPerToken: 4, device: 'cpu', kvBytes: 0, ...warmUp }
const row = { slot: 0, start: 0, tokens: [1], positions: new Int32Array(3), images: [], sampling: null }
let dir: string

beforeAll(async () => {
  dir = await convert(models[0])
})
afterAll(() => remove(dir))

/** A thread that runs `code` on every message. */
function brokenRunner(code: string): WorkerRunner {
  const source = `require('node:worker_threads').parentPort.on('message', (message) => { ${code} })`
  return new WorkerRunner(new Worker(source, { eval: true }), facts, { ...options, modelDir: '' })
}

test('a loaded model says what it is', async () => {
  const runner = await start(dir, { slots: 2, maxLength: 64 })
  expect(runner).toMatchObject({ slots: 2, maxLength: 64, vocabSize: 832, device: 'cpu' })
  expect(runner.kvBytes).toBe(2 * 3 * 2 * 2 * 64 * 32 * 4) // keys and values, layers, slots, heads, capacity, size, f32
  await runner.close()
  await runner.close()
})

test('a loaded model is warm and knows how many prompt tokens a step takes', async () => {
  const runner = await start(dir, { slots: 2, maxLength: 64 })
  expect(runner.warmUp.prefillChunk).toBeGreaterThanOrEqual(16)
  expect(runner.warmUp.prefillChunk).toBeLessThan(64)
  await runner.close()
})

test('a thread that dies between calls is told of at once', async () => {
  const runner = brokenRunner("throw new Error('out of memory')")
  runner.release('a')
  expect(await runner.lost).toBeInstanceOf(RunnerLostError)
})

test('a thread that dies rejects what waits and all that comes', async () => {
  const runner = brokenRunner("throw new Error('out of memory')")
  await expect(runner.step([row])).rejects.toBeInstanceOf(RunnerLostError)
  await expect(runner.step([row])).rejects.toMatchObject({ cause: new Error('out of memory') })
  runner.release('anything')
  await runner.close()
})

test('a thread that ends unasked counts as dead', async () => {
  const runner = brokenRunner('process.exit(3)')
  await expect(runner.step([row])).rejects.toBeInstanceOf(RunnerLostError)
  await runner.close()
})

test('a row the model cannot run is an error of its step alone', async () => {
  const runner = await start(dir, { slots: 2, maxLength: 64 })
  const asked = { ...greedy, promptLength: 1, allowed: null }
  const failing = [
    { ...row, tokens: [99_999] },
    { ...row, images: [{ offset: 0, count: 1, features: 'nobody knows', from: 0 }] },
    { ...row, sampling: { ...asked, allowed: new Uint32Array(26) } },
    { ...row, start: 64 },
  ]
  for (const bad of failing) {
    const error = await runner.step([bad]).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(Error)
    expect(error).not.toBeInstanceOf(RunnerLostError)
  }
  expect(await runner.step([{ ...row, sampling: asked }])).toMatchObject([{ logprobs: null }])
  await runner.close()
})

test('what keeps a model from loading is said in one line', async () => {
  const { signal } = new AbortController()
  const load = (changes: object) => startRunner({ ...options, modelDir: dir, signal, ...changes })
  await expect(load({ modelDir: join(dir, 'nowhere') })).rejects.toThrow('nowhere')
  await expect(load({ modelDir: models[0].dir })).rejects.toThrow('manifest.json')
  await expect(load({ maxLength: 1_000_000 })).rejects.toThrow('the model reads 4096 tokens at most')
  await expect(load({ device: 'quantum' })).rejects.toThrow('device quantum is unknown')
  await expect(load({ device: 'webgpu:0' })).rejects.toThrow('was converted for cpu, not for webgpu:0')
})

test('loading is given up when its signal aborts', async () => {
  const abort = new AbortController()
  const loading = startRunner({ ...options, modelDir: dir, signal: abort.signal })
  abort.abort(new Error('changed my mind'))
  await expect(loading).rejects.toThrow('changed my mind')
})
