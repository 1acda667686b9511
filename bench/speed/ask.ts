export interface Question {
  readonly prompt: string
  /** A data: URI; none: text alone. */
  readonly image?: string
  readonly maxNewTokens: number
  readonly topP?: number
  readonly signal?: AbortSignal
}

export interface Asked {
  readonly status: number
  readonly totalMs: number
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly completionTokens: number
  /** By stage, as the server tells. */
  readonly stages: Readonly<Record<string, number>>
  /** Tokens a second once the first was there. */
  readonly decodeRate: number
}

/** One question over HTTP, greedy unless a nucleus is asked for. */
export async function ask(url: string, question: Question): Promise<Asked> {
  const { prompt, image, maxNewTokens, topP, signal } = question
  const text = { type: 'text', text: prompt }
  const content = image === undefined ? [text] : [{ type: 'image_url', image_url: { url: image } }, text]
  const startMs = performance.now()
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      messages: [{ role: 'user', content }],
      max_tokens: maxNewTokens,
      ...(topP === undefined ? { temperature: 0 } : { temperature: 1, top_p: topP, seed: 1 }),
    }),
    ...(signal === undefined ? {} : { signal }),
  })
  const body = (await response.json()) as { usage?: Usage }
  const totalMs = performance.now() - startMs
  const stages = stageMs(response.headers.get('server-timing') ?? '')
  const completionTokens = body.usage?.completion_tokens ?? 0
  return {
    status: response.status,
    totalMs,
    promptTokens: body.usage?.prompt_tokens ?? 0,
    cachedTokens: body.usage?.prompt_tokens_details?.cached_tokens ?? 0,
    completionTokens,
    stages,
    decodeRate: ((completionTokens - 1) / (stages['decode'] ?? Number.NaN)) * 1000,
  }
}

interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly prompt_tokens_details?: { readonly cached_tokens?: number }
}

function stageMs(header: string): Record<string, number> {
  const entries = [...header.matchAll(/(\w+);dur=([\d.]+)/g)].map(([, name, ms]) => [name, Number(ms)])
  return Object.fromEntries(entries)
}

let asked = 0

/** A prompt that shares nothing with any before it, so that no cache helps. */
export function freshPrompt(words = 24): string {
  asked += 1
  const numbers = Array.from({ length: words }, (_, i) => ((asked * 7919 + i * 104_729) % 9973).toString())
  return numbers.join(' ')
}
