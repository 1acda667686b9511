import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../../backend/engine/engine.ts'
import type { GenerateRequest } from '../../../backend/engine/request.ts'
import { readModelConfig } from '../../../backend/model/read-model-config.ts'
import { Random } from '../engine/support/random.ts'
import { collect, startEngine } from '../engine/support/requests.ts'
import { convert, models, remove, start } from './support/converted-model.ts'
import { type Case, generate, greedy, readCases } from './support/prompts.ts'

const historyEvents = 40

describe.each(models.filter(({ recorded }) => recorded))('the engine on $name', (model) => {
  let dir: string
  let engine: Engine
  let cases: Case[]

  beforeAll(async () => {
    dir = await convert(model)
    cases = readCases(model.dir, (await readModelConfig(dir)).tokens.image)
    const runner = await start(dir, { slots: 3 })
    engine = startEngine(runner, { prefillChunk: 32, featureCacheBytes: 100_000 })
  })
  afterAll(async () => {
    await engine.close()
    await remove(dir)
  })

  const answer = async (request: GenerateRequest) => (await collect(engine.submit(request))).tokens

  test('greedy answers are the reference’s, one at a time and all at once', async () => {
    const ask = ({ prompt, generated }: Case) => answer(generate(prompt, { maxNewTokens: generated.length }))
    for (const one of cases) expect(await ask(one), one.name).toEqual(one.generated)
    const together = await Promise.all([...cases, ...cases].map(ask))
    expect(together).toEqual([...cases, ...cases].map(({ generated }) => generated))
  })

  test('a seed gives the same answer whoever shares the batch', async () => {
    const sampling = { ...greedy, temperature: 1, topP: 0.95, repetitionPenalty: 1.1, seed: 42 }
    const { prompt } = cases[0] as Case
    const alone = await answer(generate(prompt, { sampling }))
    const others = cases.map((other, seed) =>
      answer(
        generate(other.prompt, {
          sampling: { ...sampling, seed },
          caller: { id: `${seed}`, deadlineMs: null },
        }),
      ),
    )
    expect(await answer(generate(prompt, { sampling }))).toEqual(alone)
    await Promise.all(others)
    expect(alone).not.toEqual(await answer(generate(prompt, { sampling: { ...sampling, seed: 43 } })))
  })

  test('requests cancelled at any moment lose no slot and spoil no answer', async () => {
    const seed = Date.now() % 2 ** 31
    const random = new Random(seed)
    const lives: Promise<unknown>[] = []
    for (let i = 0; i < historyEvents; i++) {
      const { prompt, generated } = random.pick(cases)
      const abort = new AbortController()
      const events = engine.submit(generate(prompt, { maxNewTokens: generated.length, signal: abort.signal }))
      const cancelled = random.chance(0.5)
      if (cancelled) setTimeout(() => abort.abort(), random.int(0, 60))
      lives.push(
        collect(events).then(
          ({ tokens }) => expect(tokens, `seed ${seed}`).toEqual(generated),
          (error: unknown) => expect(error, `seed ${seed}`).toMatchObject({ code: 'client_closed_request' }),
        ),
      )
      if (random.chance(0.4)) await lives[0]
    }
    await Promise.all(lives)
    await answer(generate((cases[0] as Case).prompt, { maxNewTokens: 1 }))
    await new Promise(setImmediate) // the last slot is given back by the loop's next turn
    expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, freeSlots: 3, counters: { failed: 0 } })
  })
})
