import { quantile } from '../support/quantile.ts'
import { ask, freshPrompt } from './ask.ts'
import type { ProbedServer } from './server.ts'

const TOKENS = 24
/** Refused clients come back after the shortest Retry-After there is. */
const IMPATIENCE_MS = 1000

export interface Load {
  /** Tokens of finished answers a second. */
  readonly rate: number
  readonly refusals: number
  readonly refusalP99Ms: number
  readonly loopDelayP99Ms: number
}

/** `clients` ask one question after the other for a while. */
export async function load(server: ProbedServer, clients: number, durationMs: number): Promise<Load> {
  const refusedMs: number[] = []
  let tokens = 0
  await server.probe()
  const startMs = performance.now()
  const endMs = startMs + durationMs
  const client = async () => {
    while (performance.now() < endMs) {
      const answer = await ask(server.url, { prompt: freshPrompt(4), maxNewTokens: TOKENS })
      if (answer.status === 200) tokens += answer.completionTokens
      else {
        refusedMs.push(answer.totalMs)
        await new Promise((resolve) => setTimeout(resolve, IMPATIENCE_MS))
      }
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const { loopDelayP99Ms } = await server.probe()
  return {
    rate: (tokens / (performance.now() - startMs)) * 1000,
    refusals: refusedMs.length,
    refusalP99Ms: quantile(refusedMs, 0.99),
    loopDelayP99Ms,
  }
}
