import { afterEach, expect, test } from 'vitest'
import type { Engine } from '../../../backend/engine/engine.ts'
import type { Constraint } from '../../../backend/engine/request.ts'
import { RunnerLostError } from '../../../backend/engine/runner.ts'
import { expectedAnswer, FakeRunner } from './support/fake-runner.ts'
import { Random } from './support/random.ts'
import { type FakePicture, request, startEngine, text } from './support/requests.ts'

const histories = 60
const requestsEach = 60
const firstSeed = Number(process.env['HISTORY_SEED'] ?? 1)
let seed = firstSeed

afterEach(({ task }) => {
  // biome-ignore lint/suspicious/noConsole: the seed is what repeats a failing history
  if (task.result?.state === 'fail') console.error(`HISTORY_SEED=${seed}`)
})

/** Some turns of the event loop, so that things happen in ever different order. */
async function someTurns(random: Random, most = 3): Promise<void> {
  for (let turns = random.int(0, most); turns > 0; turns--) await new Promise(setImmediate)
}

interface End {
  readonly kind: 'finish' | 'left' | 'error'
  readonly code?: string
}

/** Sends one random request, does something random with it and reads it to its one end. */
async function live(engine: Engine, random: Random, trouble: boolean): Promise<End> {
  const abort = new AbortController()
  const pictures = Array.from({ length: random.int(0, 2) }, () => picture(random, trouble))
  const contents = pictures.map(({ content }) => content)
  const shared = text(random.pick([1, 4, 20]), random.int(0, 2))
  const asked = request({
    callerId: random.pick(['a', 'b', 'c']),
    deadlineMs: trouble && random.chance(0.1) ? Date.now() + random.int(-1, 5) : null,
    parts: [
      ...shared,
      ...pictures.flatMap((one) => [one, ...text(2)]),
      ...text(random.int(1, 30), random.int(0, 50)),
    ],
    maxNewTokens: random.int(1, 20),
    stopTokens: [random.int(0, 58)],
    constraint: random.chance(0.2) ? everything(random) : null,
    signal: abort.signal,
  })
  if (trouble && random.chance(0.25)) void someTurns(random, 60).then(() => abort.abort())
  const leaveAfter = trouble && random.chance(0.15) ? random.int(0, 10) : Number.POSITIVE_INFINITY
  const tokens: number[] = []
  try {
    for await (const event of engine.submit(asked)) {
      if (event.type === 'finish') {
        expect(tokens).toEqual(expectedAnswer(asked, contents))
        expect(event.usage.completionTokens).toBe(tokens.length + (event.reason === 'stop' ? 1 : 0))
        return { kind: 'finish' }
      }
      tokens.push(event.token)
      expect(event.token).toBe(expectedAnswer(asked, contents)[tokens.length - 1])
      if (tokens.length > leaveAfter) return { kind: 'left' }
    }
    throw new Error('the events ended without an end')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    return { kind: 'error', code: String(error.code) }
  }
}

function picture(random: Random, trouble: boolean): FakePicture {
  const content = random.int(1, 5)
  const onLoad = async () => {
    await someTurns(random, 8)
    if (trouble && random.chance(0.1)) throw new Error('unreadable')
  }
  return { content, count: 2 + content, onLoad }
}

/** A constraint that forbids nothing, some of the time only after a while. */
function everything(random: Random): Constraint {
  const mask = new Uint32Array(2).fill(0xffffffff)
  return {
    next: () => (random.chance(0.5) ? mask : someTurns(random).then(() => mask)),
    close: () => undefined,
  }
}

function fakeRunner(random: Random, trouble: { failures: boolean; losses: boolean }): FakeRunner {
  const runner = new FakeRunner({ slots: random.int(1, 5), maxLength: 128 })
  runner.onStep = async () => {
    await someTurns(random)
    if (trouble.losses && random.chance(0.01)) throw new RunnerLostError('gone')
    if (trouble.failures && random.chance(0.03)) throw new Error('bad step')
  }
  runner.onEncode = () => someTurns(random, 6)
  return runner
}

async function history(random: Random, trouble: { failures: boolean; losses: boolean; callers: boolean }) {
  const first = fakeRunner(random, trouble)
  const createRunner = () => {
    const next = new FakeRunner({ slots: first.slots, maxLength: first.maxLength })
    next.onStep = first.onStep
    next.onEncode = first.onEncode
    return Promise.resolve(next)
  }
  const engine = startEngine(first, {
    createRunner,
    maxQueue: 20,
    prefillChunk: random.int(2, 40),
    featureCacheBytes: random.pick([0, 60, 1000]),
    prefixCache: random.chance(0.8),
    maxImageLoads: random.int(1, 3),
  })
  const lives: Promise<End>[] = []
  for (let i = 0; i < requestsEach; i++) {
    lives.push(live(engine, random, trouble.callers))
    await someTurns(random, 10)
  }
  const ends = await Promise.all(lives)
  await engine.drain(Date.now() + 10_000)
  // The last slot is given back by the loop's next turn after the step in flight.
  do await new Promise(setImmediate)
  while (engine.stats().stepAgeMs !== null)
  return { engine, ends }
}

test('whatever callers do, every request has one end and every slot comes back', async () => {
  for (seed = firstSeed; seed < firstSeed + histories; seed++) {
    const trouble = { callers: true, failures: seed % 2 === 0, losses: seed % 5 === 0 }
    const { engine, ends } = await history(new Random(seed), trouble)
    const { counters, running, waiting, callers, freeSlots, slots } = engine.stats()
    expect({ running, waiting, callers, freeSlots }).toEqual({
      running: 0,
      waiting: 0,
      callers: 0,
      freeSlots: slots,
    })
    const { submitted, refused, stopped, filled, cancelled, expired, failed } = counters
    expect(submitted + refused).toBe(requestsEach)
    expect(stopped + filled + cancelled + expired + failed).toBe(submitted)
    const told = (kind: End['kind']) => ends.filter((end) => end.kind === kind).length
    // One who leaves between the last token and the end was finished all the same.
    expect(stopped + filled).toBeGreaterThanOrEqual(told('finish'))
    expect(stopped + filled).toBeLessThanOrEqual(told('finish') + told('left'))
    expect(ends.filter(({ code }) => code === 'queue_full')).toHaveLength(refused)
    await engine.close()
  }
})

test('left in peace, every request is answered as if it were alone', async () => {
  for (seed = firstSeed; seed < firstSeed + histories / 3; seed++) {
    const { engine, ends } = await history(new Random(seed), {
      callers: false,
      failures: false,
      losses: false,
    })
    expect(ends.filter(({ kind, code }) => kind !== 'finish' && code !== 'queue_full')).toEqual([])
    await engine.close()
  }
})
