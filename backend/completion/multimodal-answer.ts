import type { MultimodalChunk, MultimodalResponse } from '../../shared/completion-schema.ts'
import type { FinishReason } from '../engine/request.ts'
import type { Identity } from './answer-identity.ts'
import { collectAnswers } from './collect-answer.ts'
import type { CompletionEvent } from './completion-request.ts'
import { timingsBody } from './timings-body.ts'
import { usageBody } from './usage-body.ts'

/** The whole answer as `/v1/multimodal/completions` gives it. */
export async function multimodalAnswer(
  identity: Identity,
  events: AsyncIterable<CompletionEvent>,
): Promise<MultimodalResponse> {
  const answers = await collectAnswers(events)
  return {
    ...identity,
    object: 'multimodal.completion',
    choices: answers.map(({ content, reasoning, finish }, index) => ({
      index,
      message: {
        role: 'assistant',
        content,
        ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
      },
      finish_reason: finish.reason,
    })),
    usage: usageBody(answers.map(({ finish }) => finish.usage)),
  }
}

type Totals = Pick<MultimodalChunk, 'usage' | 'timings'>
type Delta = MultimodalChunk['choices'][number]['delta']

/** The answer as events of a stream; the last but `[DONE]` says how it ended and what it took. */
export async function* multimodalChunks(
  identity: Identity,
  events: AsyncIterable<CompletionEvent>,
): AsyncGenerator<string> {
  const head = { ...identity, object: 'multimodal.completion.chunk' as const }
  const chunk = (delta: Delta, finish: FinishReason | null, totals: Totals = {}) =>
    JSON.stringify({
      ...head,
      choices: [{ index: 0, delta, finish_reason: finish }],
      ...totals,
    } satisfies MultimodalChunk)
  yield chunk({ role: 'assistant', content: '' }, null)
  for await (const event of events) {
    if (event.type === 'finish') {
      yield chunk({}, event.reason, { usage: usageBody([event.usage]), timings: timingsBody(event.timings) })
      continue
    }
    if (event.reasoning !== '') yield chunk({ reasoning_content: event.reasoning }, null)
    if (event.content !== '') yield chunk({ content: event.content }, null)
  }
  yield '[DONE]'
}
