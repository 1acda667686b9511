import { quantile } from '../support/quantile.ts'
import { type Asked, ask, freshPrompt } from './ask.ts'
import type { ProbedServer } from './server.ts'

const TOKENS = 24

export interface Load {
  /** Tokens of finished answers a second. */
  readonly rate: number
  /** Finished answers a second. */
  readonly answerRate: number
  readonly refusals: number
  readonly refusalP99Ms: number
  readonly loopDelayP99Ms: number
}

/** `clients` ask one question after the other for a while. */
export function fullLoad(server: ProbedServer, clients: number, durationMs: number): Promise<Load> {
  return observe(server, durationMs, async (endMs, answered) => {
    const client = async () => {
      while (performance.now() < endMs) answered(await question(server))
    }
    await Promise.all(Array.from({ length: clients }, client))
  })
}

/** Questions come at random moments, `arrivalRate` a second, whether or not those before were answered. */
export function overload(server: ProbedServer, arrivalRate: number, durationMs: number): Promise<Load> {
  return observe(server, durationMs, async (endMs, answered) => {
    const open: Promise<void>[] = []
    while (performance.now() < endMs) {
      open.push(question(server).then(answered))
      const gapMs = (-Math.log(1 - Math.random()) / arrivalRate) * 1000
      await new Promise((resolve) => setTimeout(resolve, gapMs))
    }
    await Promise.all(open)
  })
}

function question(server: ProbedServer): Promise<Asked> {
  return ask(server.url, { prompt: freshPrompt(4), maxNewTokens: TOKENS })
}

async function observe(
  server: ProbedServer,
  durationMs: number,
  run: (endMs: number, answered: (answer: Asked) => void) => Promise<void>,
): Promise<Load> {
  const refusedMs: number[] = []
  let answers = 0
  let tokens = 0
  await server.probe()
  const startMs = performance.now()
  await run(startMs + durationMs, ({ status, completionTokens, totalMs }) => {
    if (status !== 200) refusedMs.push(totalMs)
    else {
      answers += 1
      tokens += completionTokens
    }
  })
  const seconds = (performance.now() - startMs) / 1000
  const { loopDelayP99Ms } = await server.probe()
  return {
    rate: tokens / seconds,
    answerRate: answers / seconds,
    refusals: refusedMs.length,
    refusalP99Ms: quantile(refusedMs, 0.99),
    loopDelayP99Ms,
  }
}
