import { expect, test } from 'vitest'
import { RunnerLostError } from '../../../backend/engine/runner.ts'
import { FakeRunner } from './support/fake-runner.ts'
import { collect, request, startEngine, text } from './support/requests.ts'

test('a runner lost while nothing runs is replaced before anybody asks', async () => {
  const lost = new FakeRunner()
  const created = Promise.withResolvers<void>()
  const createRunner = () => {
    created.resolve()
    return Promise.resolve(new FakeRunner())
  }
  const engine = startEngine(lost, { createRunner })
  lost.lose(new RunnerLostError('gone'))
  await created.promise
  expect((await collect(engine.submit(request()))).tokens).toHaveLength(8)
  expect(lost.closed).toBe(true)
  expect(engine.stats()).toMatchObject({ state: 'serving', counters: { restarts: 1 } })
  await engine.close()
})

test('a runner that fails every step is taken for broken and replaced', async () => {
  const broken = new FakeRunner({ slots: 2 })
  broken.onStep = () => Promise.reject(new Error('out of order'))
  const engine = startEngine(broken, { createRunner: () => Promise.resolve(new FakeRunner({ slots: 2 })) })
  const answers = await Promise.allSettled(
    Array.from({ length: 40 }, (_, seed) => collect(engine.submit(request({ parts: text(6, seed) })))),
  )
  const answered = answers.filter(({ status }) => status === 'fulfilled').length
  expect(answered).toBeGreaterThan(20)
  expect(answers[0]).toMatchObject({ reason: { code: 'internal_error' } })
  expect(engine.stats()).toMatchObject({ state: 'serving', freeSlots: 2, counters: { restarts: 1 } })
  await engine.close()
})

test('refusals are counted by their reason', async () => {
  const runner = new FakeRunner({ slots: 1 })
  const step = Promise.withResolvers<void>()
  runner.onStep = () => step.promise
  const engine = startEngine(runner, { maxQueue: 2, maxQueuePerCaller: 1 })
  const accepted = ['a', 'a', 'b'].map((callerId) => collect(engine.submit(request({ callerId }))))
  expect(() => engine.checkRoom('a')).toThrow(expect.objectContaining({ code: 'queue_full' }))
  const [, , last] = accepted
  step.resolve()
  await last
  void engine.drain(Date.now() + 1000)
  expect(() => engine.checkRoom('a')).toThrow(expect.objectContaining({ code: 'draining' }))
  expect(engine.stats()).toMatchObject({
    counters: { refused: 2 },
    refusals: { queue_full: 1, rate_limit_exceeded: 0, draining: 1, worker_restarting: 0 },
  })
  await Promise.all(accepted)
  await engine.close()
})
