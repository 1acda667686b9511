import type { CompletionEvent, TokenText } from './completion-request.ts'

export interface WholeAnswer {
  readonly content: string
  readonly reasoning: string
  readonly logprobs: readonly TokenText[]
  readonly finish: Extract<CompletionEvent, { type: 'finish' }>
}

/** Reads a stream of events to its end. */
export async function collectAnswer(events: AsyncIterable<CompletionEvent>): Promise<WholeAnswer> {
  let content = ''
  let reasoning = ''
  const logprobs: TokenText[] = []
  for await (const event of events) {
    if (event.type === 'finish') return { content, reasoning, logprobs, finish: event }
    content += event.content
    reasoning += event.reasoning
    logprobs.push(...event.logprobs)
  }
  throw new Error('a completion ended without its finish event')
}
