import { type Asked, ask, freshPrompt } from './ask.ts'
import type { ProbedServer } from './server.ts'

const TOKENS = 48
const pollMs = 100

/** Tokens a second of one stream alone. */
export async function decodeAlone(server: ProbedServer): Promise<number> {
  return (await ask(server.url, { prompt: freshPrompt(), maxNewTokens: TOKENS })).decodeRate
}

export interface Together {
  /** Tokens a second of all streams. */
  readonly rate: number
  /** Share of the time that was not spent in ONNX Runtime, while nothing but joint decode steps ran. */
  readonly outsideShare: number
}

/** `streams` answers at once, long enough that the time in which all decode outweighs their prompts' prefill. */
export async function decodeTogether(
  server: ProbedServer,
  streams: number,
  topP?: number,
): Promise<Together> {
  const question = () => ({
    prompt: freshPrompt(8),
    maxNewTokens: TOKENS * 2,
    ...(topP === undefined ? {} : { topP }),
  })
  const answers = Array.from({ length: streams }, () => ask(server.url, question()))
  const whole = await window(server, streams)
  const done = await Promise.all(answers)
  const rate = sumOf(done, ({ decodeRate }) => decodeRate)
  return { rate, outsideShare: 1 - whole.runtimeMs / whole.wallMs }
}

/** From when all prompts are read until the first answer may end. */
async function window(server: ProbedServer, streams: number) {
  const start = await decoding(server, streams, TOKENS / 4)
  const end = await decoding(server, streams, TOKENS)
  return { wallMs: end.runtimeAtMs - start.runtimeAtMs, runtimeMs: end.runtimeMs - start.runtimeMs }
}

/** Waits until everybody runs and `tokens` a stream have been written since. */
async function decoding(server: ProbedServer, streams: number, tokens: number) {
  let first: number | null = null
  for (;;) {
    const status = (await (await fetch(`${server.url}/v1/status`)).json()) as {
      running: number
      generated_tokens: number
    }
    if (status.running === streams) first ??= status.generated_tokens
    if (first !== null && status.generated_tokens - first >= tokens * streams) {
      return server.probe()
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs)) // rarely: asking takes time from what is measured
  }
}

function sumOf(asked: readonly Asked[], value: (one: Asked) => number): number {
  return asked.reduce((sum, one) => sum + value(one), 0)
}

/** Prompt tokens a second of one long text. */
export async function prefillRate(server: ProbedServer, words = 100): Promise<number> {
  const { promptTokens, stages } = await ask(server.url, { prompt: freshPrompt(words), maxNewTokens: 1 })
  return (promptTokens / (stages['prefill'] ?? Number.NaN)) * 1000
}
