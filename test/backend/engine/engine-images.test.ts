import { expect, test } from 'vitest'
import { ApiError } from '../../../shared/errors.ts'
import { expectedAnswer, FakeRunner } from './support/fake-runner.ts'
import { collect, type FakePicture, request, startEngine, text } from './support/requests.ts'

/** A prompt with pictures between text. */
function withPictures(...pictures: FakePicture[]): (number | FakePicture)[] {
  return [...text(4), ...pictures.flatMap((picture) => [picture, ...text(3)]), ...text(3, 9)]
}

function encoded(runner: FakeRunner): number[] {
  return runner.log.filter((step) => typeof step === 'number')
}

test('pictures are loaded, encoded and read in their places, chunk by chunk', async () => {
  for (const prefillChunk of [2, 5, 64]) {
    const runner = new FakeRunner()
    const engine = startEngine(runner, { prefillChunk })
    const asked = request({ parts: withPictures({ content: 7, count: 9 }, { content: 8, count: 6 }) })
    expect((await collect(engine.submit(asked))).tokens).toEqual(expectedAnswer(asked, [7, 8]))
    expect(encoded(runner)).toEqual([7, 8])
    await engine.close()
  }
})

test('a picture being loaded holds up nobody else', async () => {
  const runner = new FakeRunner()
  const engine = startEngine(runner)
  const load = Promise.withResolvers<void>()
  const slow = collect(
    engine.submit(request({ parts: withPictures({ content: 1, count: 4, onLoad: () => load.promise }) })),
  )
  await collect(engine.submit(request({ maxNewTokens: 20 })))
  load.resolve()
  expect((await slow).tokens).toHaveLength(8)
  await engine.close()
})

test('running answers go on between one picture and the next', async () => {
  const runner = new FakeRunner({ slots: 2 })
  const engine = startEngine(runner)
  const running = collect(engine.submit(request({ maxNewTokens: 60 })))
  const pictures = [1, 2, 3, 4, 5].map((content) => ({ content, count: 4 }))
  await Promise.all([running, collect(engine.submit(request({ parts: withPictures(...pictures) })))])
  const kinds = runner.log.map((step) => (typeof step === 'number' ? 'e' : 's')).join('')
  expect(kinds).not.toContain('ee')
  await engine.close()
})

test('no more pictures than allowed are in memory at once', async () => {
  const engine = startEngine(new FakeRunner(), { maxImageLoads: 2 })
  let loading = 0
  let most = 0
  const onLoad = async () => {
    most = Math.max(most, ++loading)
    await new Promise(setImmediate)
    loading--
  }
  const pictures = [1, 2, 3, 4, 5, 6].map((content) => ({ content, count: 2, onLoad }))
  await collect(engine.submit(request({ parts: withPictures(...pictures) })))
  expect(most).toBe(2)
  await engine.close()
})

test('a second question about a picture loads and encodes nothing', async () => {
  const runner = new FakeRunner({ slots: 1 })
  const engine = startEngine(runner, { prefixCache: false })
  let loads = 0
  const picture = { content: 5, count: 6, onLoad: () => loads++ }
  await collect(engine.submit(request({ parts: [picture, ...text(4)] })))
  const asked = request({ parts: [picture, ...text(4, 3)] })
  expect((await collect(engine.submit(asked))).tokens).toEqual(expectedAnswer(asked, [5]))
  expect({ loads, encoded: encoded(runner) }).toEqual({ loads: 1, encoded: [5] })
  expect(engine.stats()).toMatchObject({ featureHits: 1, featureMisses: 1, featureBytes: 24 })
  await engine.close()
})

test('the same picture asked for twice at once is loaded and encoded once', async () => {
  const runner = new FakeRunner()
  const engine = startEngine(runner)
  let loads = 0
  const parts = [{ content: 5, count: 6, onLoad: () => loads++ }, ...text(4)]
  await Promise.all([1, 2, 3].map(() => collect(engine.submit(request({ parts })))))
  expect({ loads, encoded: encoded(runner) }).toEqual({ loads: 1, encoded: [5] })
  await engine.close()
})

test("features are one caller's alone", async () => {
  const runner = new FakeRunner()
  const engine = startEngine(runner)
  const parts = [{ content: 5, count: 6 }, ...text(4)]
  for (const callerId of ['a', 'b']) await collect(engine.submit(request({ callerId, parts })))
  expect(encoded(runner)).toEqual([5, 5])
  await engine.close()
})

test('kept features stay within their bytes, the least recently used going first', async () => {
  const runner = new FakeRunner({ slots: 1 })
  const engine = startEngine(runner, { featureCacheBytes: 2 * 6 * 4, prefixCache: false })
  for (const content of [1, 2, 1, 3, 1, 2]) {
    await collect(engine.submit(request({ parts: [{ content, count: 6 }, ...text(4)] })))
  }
  expect(encoded(runner)).toEqual([1, 2, 3, 2])
  expect(engine.stats().featureBytes).toBe(48)
  expect(runner.features.size).toBe(2)
  await engine.close()
})

test('features in use outlive a budget too small for them', async () => {
  const runner = new FakeRunner()
  const engine = startEngine(runner, { featureCacheBytes: 0, prefillChunk: 3 })
  const asked = request({ parts: withPictures({ content: 1, count: 9 }, { content: 2, count: 9 }) })
  expect((await collect(engine.submit(asked))).tokens).toEqual(expectedAnswer(asked, [1, 2]))
  expect(runner.features.size).toBe(0)
  await engine.close()
})

test('a picture that cannot be read fails its request with its own error, and no other', async () => {
  const runner = new FakeRunner()
  const engine = startEngine(runner)
  const error = new ApiError('invalid_image', 'not a picture', { param: 'image' })
  const broken = { content: 1, count: 4, onLoad: () => Promise.reject(error) }
  const failing = collect(engine.submit(request({ parts: withPictures(broken) })))
  const fine = collect(engine.submit(request()))
  await expect(failing).rejects.toBe(error)
  expect((await fine).tokens).toHaveLength(8)
  expect(engine.stats()).toMatchObject({ freeSlots: 4, counters: { failed: 1 } })
  await engine.close()
})

test('a picture the model cannot encode fails those who asked for it, and is tried anew', async () => {
  const runner = new FakeRunner()
  const engine = startEngine(runner)
  runner.onEncode = () => Promise.reject(new Error('no'))
  const parts = [{ content: 5, count: 6 }, ...text(4)]
  for (const result of await Promise.allSettled(
    [1, 2].map(() => collect(engine.submit(request({ parts })))),
  )) {
    expect(result).toMatchObject({ reason: { code: 'internal_error' } })
  }
  runner.onEncode = () => undefined
  expect((await collect(engine.submit(request({ parts })))).tokens).toHaveLength(8)
  await engine.close()
})

test('aborting while a picture loads aborts the load and frees the slot', async () => {
  const engine = startEngine(new FakeRunner({ slots: 1 }))
  const abort = new AbortController()
  const loading = Promise.withResolvers<AbortSignal>()
  const onLoad = (signal: AbortSignal) => {
    loading.resolve(signal)
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
  const parts = withPictures({ content: 1, count: 4, onLoad })
  const asked = collect(engine.submit(request({ parts, signal: abort.signal })))
  const signal = await loading.promise
  abort.abort()
  await expect(asked).rejects.toMatchObject({ code: 'client_closed_request' })
  await collect(engine.submit(request()))
  expect(signal.aborted).toBe(true)
  expect(engine.stats().freeSlots).toBe(1)
  await engine.close()
})

test('one who leaves does not abort a load another waits for', async () => {
  const engine = startEngine(new FakeRunner())
  const abort = new AbortController()
  const load = Promise.withResolvers<void>()
  const parts = withPictures({ content: 1, count: 4, onLoad: () => load.promise })
  const leaving = collect(engine.submit(request({ parts, signal: abort.signal })))
  const staying = collect(engine.submit(request({ parts })))
  abort.abort()
  await expect(leaving).rejects.toMatchObject({ code: 'client_closed_request' })
  load.resolve()
  expect((await staying).tokens).toHaveLength(8)
  await engine.close()
})

test('aborting while a picture is encoded frees the slot and keeps the features', async () => {
  const runner = new FakeRunner({ slots: 1 })
  const engine = startEngine(runner)
  const abort = new AbortController()
  runner.onEncode = () => abort.abort()
  const parts = withPictures({ content: 1, count: 4 })
  await expect(collect(engine.submit(request({ parts, signal: abort.signal })))).rejects.toMatchObject({
    code: 'client_closed_request',
  })
  await collect(engine.submit(request({ parts })))
  expect(encoded(runner)).toEqual([1])
  expect(engine.stats().freeSlots).toBe(1)
  await engine.close()
})

test('the picture of whoever is next is loaded while the slots are taken, and counted once', async () => {
  const runner = new FakeRunner({ slots: 1 })
  const engine = startEngine(runner)
  const loading = Promise.withResolvers<void>()
  const step = Promise.withResolvers<void>()
  runner.onStep = () => step.promise
  const running = collect(engine.submit(request()))
  const parts = withPictures({ content: 3, count: 4, onLoad: () => loading.resolve() })
  const next = collect(engine.submit(request({ parts })))
  step.resolve()
  await loading.promise
  expect(engine.stats().running).toBe(1)
  await Promise.all([running, next])
  expect(engine.stats()).toMatchObject({ featureHits: 0, featureMisses: 1 })
  await engine.close()
})

test('a picture loaded early never takes the place a running request needs', async () => {
  for (const maxImageLoads of [1, 2]) {
    const engine = startEngine(new FakeRunner({ slots: 1 }), { maxImageLoads })
    const pictures = [1, 2, 3].map((content) => ({ content, count: 3 }))
    const others = [4, 5, 6].map((content) => ({ content, count: 3 }))
    const both = [pictures, others].map((some) =>
      collect(engine.submit(request({ parts: withPictures(...some) }))),
    )
    for (const { tokens } of await Promise.all(both)) expect(tokens).toHaveLength(8)
    await engine.close()
  }
})
