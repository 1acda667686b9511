import { expect, test } from 'vitest'
import type { Constraint } from '../../../backend/engine/request.ts'
import { FakeRunner, vocabSize } from './support/fake-runner.ts'
import { collect, request, startEngine, text } from './support/requests.ts'

/** Allows exactly the given tokens, one after the other. */
class Script implements Constraint {
  readonly accepted: (number | null)[] = []
  closed = 0
  readonly #script: readonly number[]
  readonly #late: (() => Promise<unknown>) | null

  constructor(script: readonly number[], late: (() => Promise<unknown>) | null = null) {
    this.#script = script
    this.#late = late
  }

  next(accepted: number | null) {
    const mask = new Uint32Array(Math.ceil(vocabSize / 32))
    const token = this.#script[this.accepted.length]
    this.accepted.push(accepted)
    if (token !== undefined) mask[token >>> 5] = 1 << (token & 31)
    return this.#late === null ? mask : this.#late().then(() => mask)
  }

  close() {
    this.closed++
  }
}

test('every token is one the constraint allows', async () => {
  const engine = startEngine(new FakeRunner())
  const script = [4, 40, 8, 15]
  for (const late of [null, () => new Promise(setImmediate)]) {
    const constraint = new Script(script, late)
    const { tokens } = await collect(engine.submit(request({ constraint, maxNewTokens: 4 })))
    expect(tokens).toEqual(script)
    expect(constraint.accepted).toEqual([null, 4, 40, 8])
    expect(constraint.closed).toBe(1)
  }
  await engine.close()
})

test('a mask that is late keeps its own sequence out of steps, and no other', async () => {
  const runner = new FakeRunner()
  const engine = startEngine(runner)
  const mask = Promise.withResolvers<void>()
  const constraint = new Script([1, 2, 3], () => mask.promise)
  const waits = collect(engine.submit(request({ parts: text(20), constraint, maxNewTokens: 3 })))
  await collect(engine.submit(request({ maxNewTokens: 20 })))
  expect(runner.log.flat().some((row) => typeof row !== 'number' && row.sampling?.allowed)).toBe(false)
  mask.resolve()
  expect((await waits).tokens).toEqual([1, 2, 3])
  await engine.close()
})

test('a request whose constraint fails, or allows nothing, ends with an internal error', async () => {
  const engine = startEngine(new FakeRunner())
  const failing = [
    new Script([1, 2], () => Promise.reject(new Error('broken'))),
    new Script([1]), // nothing may follow
  ]
  for (const constraint of failing) {
    await expect(collect(engine.submit(request({ constraint })))).rejects.toMatchObject({
      code: 'internal_error',
    })
    expect(constraint.closed).toBe(1)
  }
  expect(engine.stats()).toMatchObject({ counters: { failed: 2 } })
  await collect(engine.submit(request()))
  expect(engine.stats().freeSlots).toBe(4)
  await engine.close()
})

test('the constraint of a request that never runs is closed', async () => {
  const engine = startEngine(new FakeRunner())
  const constraint = new Script([])
  const signal = AbortSignal.abort()
  await expect(collect(engine.submit(request({ constraint, signal })))).rejects.toThrow()
  expect(constraint).toMatchObject({ closed: 1, accepted: [] })
  await engine.close()
})

test('a mask that comes a moment late costs its sequence no step', async () => {
  const runner = new FakeRunner()
  const engine = startEngine(runner)
  const script = Array.from({ length: 12 }, (_, i) => i)
  const constraint = new Script(script, () => new Promise(setImmediate))
  const free = collect(engine.submit(request({ maxNewTokens: 40 })))
  const { tokens } = await collect(engine.submit(request({ constraint, maxNewTokens: script.length })))
  expect(tokens).toEqual(script)
  const joint = runner.decodeSteps.filter((rows) => rows.length === 2).length
  expect(joint).toBe(script.length)
  await free
  await engine.close()
})
