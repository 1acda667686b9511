import { expect, test } from 'vitest'
import { RunnerLostError } from '../../../backend/engine/runner.ts'
import { expectedAnswer, FakeRunner } from './support/fake-runner.ts'
import { collect, type RequestOptions, request, startEngine, text } from './support/requests.ts'

test('the answer is what the model says, token by token, then one finish', async () => {
  const engine = startEngine(new FakeRunner())
  const asked = request({ maxNewTokens: 6 })
  const { tokens, finish } = await collect(engine.submit(asked))
  expect(tokens).toEqual(expectedAnswer(asked, []))
  expect(finish.reason).toBe('length')
  expect(finish.usage).toEqual({ promptTokens: 5, completionTokens: 6, cachedTokens: 0 })
  const { queueMs, imageMs, visionMs, prefillMs, ttftMs } = finish.timings
  expect(queueMs + imageMs + visionMs + prefillMs).toBeCloseTo(ttftMs, 6)
  await engine.close()
})

test('a stop token is counted but not sent', async () => {
  const engine = startEngine(new FakeRunner())
  const free = expectedAnswer(request({ maxNewTokens: 6 }), [])
  const stop = free[3] ?? 0
  const { tokens, finish } = await collect(engine.submit(request({ maxNewTokens: 6, stopTokens: [stop] })))
  expect(tokens).toEqual(free.slice(0, free.indexOf(stop)))
  expect(finish.reason).toBe('stop')
  expect(finish.usage.completionTokens).toBe(tokens.length + 1)
  await engine.close()
})

test('consumers are woken when the next step is under way', async () => {
  const engine = startEngine(new FakeRunner({ slots: 3 }))
  const read = async (seed: number) => {
    const asked = request({ parts: text(3, seed), maxNewTokens: 10 })
    let count = 0
    for await (const event of engine.submit(asked)) {
      const isLast = event.type === 'finish' || ++count === asked.maxNewTokens
      if (!isLast) expect(engine.stats().stepAgeMs).not.toBeNull()
    }
  }
  await Promise.all([1, 2, 3].map(read))
  await engine.close()
})

test('a prompt fed in chunks gives the answer of the whole', async () => {
  for (const prefillChunk of [2, 3, 16, 100]) {
    const runner = new FakeRunner()
    const engine = startEngine(runner, { prefillChunk })
    const asked = request({ parts: text(50) })
    expect((await collect(engine.submit(asked))).tokens).toEqual(expectedAnswer(asked, []))
    expect(
      runner.log.every((rows) => typeof rows !== 'number' && (rows[0]?.tokens.length ?? 0) <= prefillChunk),
    ).toBe(true)
    await engine.close()
  }
})

test('requests decode together and answer as if alone', async () => {
  const runner = new FakeRunner({ slots: 4 })
  const engine = startEngine(runner)
  const asked = [1, 2, 3, 4].map((seed) => request({ parts: text(5 + seed, seed), maxNewTokens: 20 }))
  const answers = await Promise.all(asked.map((one) => collect(engine.submit(one))))
  expect(answers.map(({ tokens }) => tokens)).toEqual(asked.map((one) => expectedAnswer(one, [])))
  expect(Math.max(...runner.decodeSteps.map((rows) => rows.length))).toBe(4)
  await engine.close()
})

test('a long prompt never holds up a running answer by more than one chunk', async () => {
  const runner = new FakeRunner({ slots: 2 })
  const engine = startEngine(runner, { prefillChunk: 8 })
  const running = collect(engine.submit(request({ parts: text(4), maxNewTokens: 60 })))
  const long = collect(engine.submit(request({ parts: text(200, 1), maxNewTokens: 2 })))
  await Promise.all([running, long])
  const kinds = runner.log
    .map((rows) => (typeof rows !== 'number' && rows[0]?.tokens.length === 1 ? 'd' : 'p'))
    .join('')
  const together = kinds.slice(kinds.indexOf('d'), kinds.lastIndexOf('p'))
  expect(together).not.toContain('pp')
  expect(together.length).toBeGreaterThan(40)
  await engine.close()
})

test('a waiting request is admitted the moment a slot frees', async () => {
  const runner = new FakeRunner({ slots: 1 })
  const engine = startEngine(runner)
  const first = collect(engine.submit(request({ maxNewTokens: 3 })))
  const second = collect(engine.submit(request({ parts: text(5, 1), maxNewTokens: 3 })))
  await first
  expect(engine.stats()).toMatchObject({ running: 1, waiting: 0 })
  await second
  expect(runner.log).toHaveLength(6)
  await engine.close()
})

test('a full queue refuses at once and says when to come back', async () => {
  let now = 1000
  const runner = new FakeRunner({ slots: 1 })
  const engine = startEngine(runner, { maxQueue: 2, now: () => now })
  runner.onStep = () => {
    now += 2000
  }
  await collect(engine.submit(request({ maxNewTokens: 3 })))
  const accepted = [1, 2, 3].map(() => collect(engine.submit(request({ maxNewTokens: 1 }))))
  expect(() => engine.submit(request())).toThrow(
    expect.objectContaining({ code: 'queue_full', retryAfterS: 12 }), // two waiting, six seconds each
  )
  await Promise.all(accepted)
  expect(engine.stats().counters).toMatchObject({ refused: 1, submitted: 4 })
  await engine.close()
})

test('one caller may hold its share of the queue and no more', async () => {
  const engine = startEngine(new FakeRunner({ slots: 1 }), { maxQueuePerCaller: 1 })
  const accepted = ['a', 'a', 'b'].map((callerId) => collect(engine.submit(request({ callerId }))))
  expect(() => engine.submit(request({ callerId: 'a' }))).toThrow(
    expect.objectContaining({ code: 'rate_limit_exceeded', status: 429 }),
  )
  await Promise.all(accepted)
  await engine.close()
})

test('a caller with a hundred requests does not starve one with a single request', async () => {
  const engine = startEngine(new FakeRunner({ slots: 2 }), { maxQueue: 200, maxQueuePerCaller: 200 })
  const ends: string[] = []
  const submit = (callerId: string, options: RequestOptions = {}) =>
    collect(engine.submit(request({ callerId, ...options }))).then(() => ends.push(callerId))
  const greedy = Array.from({ length: 100 }, (_, seed) => submit('greedy', { parts: text(9, seed) }))
  const modest = submit('modest')
  await Promise.all([...greedy, modest])
  expect(ends.indexOf('modest')).toBeLessThanOrEqual(4)
  await engine.close()
})

test('an aborted request that waits never runs', async () => {
  const runner = new FakeRunner({ slots: 1 })
  const engine = startEngine(runner)
  const abort = new AbortController()
  const first = collect(engine.submit(request({ maxNewTokens: 4 })))
  const second = collect(engine.submit(request({ parts: text(7, 1), signal: abort.signal })))
  abort.abort()
  await expect(second).rejects.toMatchObject({ code: 'client_closed_request' })
  await first
  expect(runner.log.flat().some((row) => typeof row !== 'number' && row.tokens.length === 7)).toBe(false)
  expect(engine.stats().counters).toMatchObject({ cancelled: 1, filled: 1 })
  await engine.close()
})

test('a request whose time is over never runs', async () => {
  const runner = new FakeRunner()
  const engine = startEngine(runner)
  await expect(collect(engine.submit(request({ deadlineMs: Date.now() - 1 })))).rejects.toMatchObject({
    code: 'deadline_exceeded',
  })
  expect(runner.log).toEqual([])
  await engine.close()
})

test('a deadline ends a running request and gives its slot back', async () => {
  const runner = new FakeRunner({ slots: 1 })
  const engine = startEngine(runner)
  const step = Promise.withResolvers<void>()
  runner.onStep = () => step.promise
  await expect(collect(engine.submit(request({ deadlineMs: Date.now() + 20 })))).rejects.toMatchObject({
    code: 'deadline_exceeded',
  })
  expect(engine.stats().freeSlots).toBe(0) // the step in flight still writes to it
  runner.onStep = () => undefined
  step.resolve()
  await collect(engine.submit(request()))
  expect(engine.stats()).toMatchObject({ freeSlots: 1, counters: { expired: 1 } })
  await engine.close()
})

test('a consumer that stops iterating cancels its request and frees its slot', async () => {
  const runner = new FakeRunner({ slots: 1 })
  const engine = startEngine(runner)
  for await (const event of engine.submit(request({ maxNewTokens: 200 }))) {
    if (event.type === 'token') break
  }
  await collect(engine.submit(request()))
  expect(engine.stats()).toMatchObject({ running: 0, freeSlots: 1, counters: { cancelled: 1, filled: 1 } })
  expect(runner.log.length).toBeLessThan(20)
  await engine.close()
})

test('a consumer that has enough gets its finish and frees the slot', async () => {
  const runner = new FakeRunner({ slots: 1 })
  const engine = startEngine(runner)
  const generation = engine.submit(request({ maxNewTokens: 200 }))
  const seen: string[] = []
  for await (const event of generation) {
    seen.push(event.type)
    if (seen.length === 3) generation.stop()
    if (event.type === 'finish') {
      expect(event).toMatchObject({ reason: 'stop', usage: { completionTokens: 3 } })
    }
  }
  expect(seen).toEqual(['token', 'token', 'token', 'finish'])
  await collect(engine.submit(request()))
  expect(runner.log.length).toBeLessThan(20)
  await engine.close()
})

test('a caller learns that there is no room before anything is done for it', async () => {
  const engine = startEngine(new FakeRunner({ slots: 1 }), { maxQueue: 1 })
  expect(() => engine.checkRoom('caller')).not.toThrow()
  const accepted = [1, 2].map(() => collect(engine.submit(request())))
  expect(() => engine.checkRoom('caller')).toThrow(expect.objectContaining({ code: 'queue_full' }))
  expect(engine.stats().counters).toMatchObject({ refused: 1, submitted: 2 })
  await Promise.all(accepted)
  await engine.close()
})

test('a step that fails for one request leaves the others their answers', async () => {
  const runner = new FakeRunner({ slots: 3 })
  const errors: unknown[] = []
  const engine = startEngine(runner, { onRunnerError: (error) => errors.push(error) })
  const asked = [1, 2, 3].map((seed) => request({ parts: text(6, seed), maxNewTokens: 12 }))
  runner.onStep = (rows) => {
    if (rows.some((row) => row.slot === 1 && row.start >= 9)) throw new Error('bad row')
  }
  const answers = await Promise.allSettled(asked.map((one) => collect(engine.submit(one))))
  expect(answers[1]).toMatchObject({ reason: { code: 'internal_error', cause: new Error('bad row') } })
  for (const index of [0, 2]) {
    const one = asked[index]
    expect(answers[index]).toMatchObject({ value: { tokens: one && expectedAnswer(one, []) } })
  }
  expect(errors.length).toBeGreaterThan(0)
  expect(engine.stats()).toMatchObject({ freeSlots: 3, state: 'serving' })
  await engine.close()
})

test('when the runner is lost, running requests are told and waiting ones get the next runner', async () => {
  const lost = new FakeRunner({ slots: 1 })
  const next = new FakeRunner({ slots: 1 })
  const engine = startEngine(lost, { createRunner: () => Promise.resolve(next) })
  lost.onStep = () => Promise.reject(new RunnerLostError('gone'))
  const running = collect(engine.submit(request()))
  const waiting = collect(engine.submit(request({ parts: text(6, 1) })))
  await expect(running).rejects.toMatchObject({ code: 'worker_restarting', status: 503 })
  expect((await waiting).tokens).toHaveLength(8)
  expect(lost.closed).toBe(true)
  expect(engine.stats()).toMatchObject({ state: 'serving', freeSlots: 1, counters: { restarts: 1 } })
  await engine.close()
})

test('without a successor for its runner the engine answers 503', async () => {
  const runner = new FakeRunner({ slots: 1 })
  const engine = startEngine(runner)
  runner.onStep = () => Promise.reject(new RunnerLostError('gone'))
  const requests = [1, 2].map((seed) => collect(engine.submit(request({ parts: text(6, seed) }))))
  for (const result of await Promise.allSettled(requests)) {
    expect(result).toMatchObject({ reason: { code: 'worker_restarting' } })
  }
  expect(() => engine.submit(request())).toThrow(expect.objectContaining({ code: 'worker_restarting' }))
  expect(engine.stats().state).toBe('failed')
  await engine.close()
})

test('draining finishes what runs and refuses what comes', async () => {
  const engine = startEngine(new FakeRunner({ slots: 1 }))
  const accepted = [1, 2].map((seed) => collect(engine.submit(request({ parts: text(6, seed) }))))
  const drained = engine.drain(Date.now() + 10_000)
  expect(() => engine.submit(request())).toThrow(expect.objectContaining({ code: 'draining' }))
  await drained
  for (const result of await Promise.allSettled(accepted)) expect(result.status).toBe('fulfilled')
  await engine.close()
})

test('a drain ends at its deadline, whatever still runs', async () => {
  const runner = new FakeRunner()
  const engine = startEngine(runner)
  const step = Promise.withResolvers<void>()
  runner.onStep = () => step.promise
  const stuck = collect(engine.submit(request()))
  const told = expect(stuck).rejects.toMatchObject({ code: 'draining' })
  await engine.drain(Date.now() + 5)
  await told
  step.resolve()
  await engine.close()
  expect(runner.closed).toBe(true)
})
