import { expect, test } from 'vitest'
import { expectedAnswer, FakeRunner } from './support/fake-runner.ts'
import { collect, request, startEngine, text } from './support/requests.ts'

test('a prompt that begins like an earlier one is computed from where they part', async () => {
  const runner = new FakeRunner({ slots: 2 })
  const engine = startEngine(runner)
  await collect(engine.submit(request({ parts: text(40) })))
  const asked = request({ parts: [...text(40), ...text(6, 5)] })
  const { tokens, finish } = await collect(engine.submit(asked))
  expect(tokens).toEqual(expectedAnswer(asked, []))
  expect(finish.usage.cachedTokens).toBe(40)
  expect(engine.stats().counters).toMatchObject({ prefixHits: 1, prefixQueries: 2, cachedTokens: 40 })
  await engine.close()
})

test('a conversation goes on from its own answer', async () => {
  const runner = new FakeRunner()
  const engine = startEngine(runner)
  const { tokens } = await collect(engine.submit(request({ parts: text(20), maxNewTokens: 10 })))
  const asked = request({ parts: [...text(20), ...tokens, ...text(4, 3)] })
  const { finish } = await collect(engine.submit(asked))
  expect(finish.usage.cachedTokens).toBe(29) // all but the last token, which was never fed
  await engine.close()
})

test('the same prompt again feeds its last token alone', async () => {
  const runner = new FakeRunner()
  const engine = startEngine(runner)
  const asked = request({ parts: [...text(20), { content: 3, count: 8 }, ...text(4)], maxNewTokens: 1 })
  const first = await collect(engine.submit(asked))
  const steps = runner.log.length
  const second = await collect(engine.submit(asked))
  expect(second.tokens).toEqual(first.tokens)
  expect(second.finish.usage.cachedTokens).toBe(31)
  expect(runner.log).toHaveLength(steps + 1)
  await engine.close()
})

test('two different pictures of equal size under one prompt never match', async () => {
  const engine = startEngine(new FakeRunner())
  const about = (content: number) => request({ parts: [...text(20), { content, count: 8 }, ...text(4)] })
  await collect(engine.submit(about(1)))
  const { tokens, finish } = await collect(engine.submit(about(2)))
  expect(tokens).toEqual(expectedAnswer(about(2), [2]))
  expect(finish.usage.cachedTokens).toBe(20)
  await engine.close()
})

test('two callers never match', async () => {
  const engine = startEngine(new FakeRunner({ slots: 1 }))
  for (const callerId of ['a', 'b']) {
    const { finish } = await collect(engine.submit(request({ callerId, parts: text(40) })))
    expect(finish.usage.cachedTokens).toBe(0)
  }
  await engine.close()
})

test('a picture within the common prefix needs no features', async () => {
  const runner = new FakeRunner()
  const engine = startEngine(runner, { featureCacheBytes: 0 })
  let loads = 0
  const picture = { content: 3, count: 20, onLoad: () => loads++ }
  await collect(engine.submit(request({ parts: [...text(4), picture, ...text(4)] })))
  const asked = request({ parts: [...text(4), picture, ...text(4, 2)] })
  expect((await collect(engine.submit(asked))).tokens).toEqual(expectedAnswer(asked, [3]))
  expect(loads).toBe(1)
  await engine.close()
})

test('a prefill cancelled within a picture is taken up there by the next request', async () => {
  const runner = new FakeRunner({ slots: 1 })
  const engine = startEngine(runner, { prefillChunk: 8 })
  const abort = new AbortController()
  const parts = [...text(4), { content: 3, count: 40 }, ...text(4)]
  runner.onStep = ([row]) => {
    if ((row?.start ?? 0) >= 16) abort.abort()
  }
  await expect(collect(engine.submit(request({ parts, signal: abort.signal })))).rejects.toThrow()
  const asked = request({ parts })
  const { tokens, finish } = await collect(engine.submit(asked))
  expect(tokens).toEqual(expectedAnswer(asked, [3]))
  expect(finish.usage.cachedTokens).toBe(24)
  await engine.close()
})

test('without the prefix cache nothing is reused', async () => {
  const engine = startEngine(new FakeRunner(), { prefixCache: false })
  for (let i = 0; i < 2; i++) {
    const { finish } = await collect(engine.submit(request({ parts: text(40) })))
    expect(finish.usage.cachedTokens).toBe(0)
  }
  await engine.close()
})
