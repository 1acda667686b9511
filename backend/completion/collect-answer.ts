import type { ToolCallDelta } from '../chat/tool-call-parser.ts'
import type { CompletionEvent, TokenText } from './completion-request.ts'

export interface WholeAnswer {
  readonly content: string
  readonly reasoning: string
  readonly toolCalls: readonly WholeToolCall[]
  readonly logprobs: readonly TokenText[]
  readonly finish: Extract<CompletionEvent, { type: 'finish' }>
}

interface WholeToolCall {
  readonly name: string
  /** JSON text; cut off where the answer was. */
  readonly arguments: string
}

/** Reads a stream of events to its end: the answers, by index. */
export async function collectAnswers(events: AsyncIterable<CompletionEvent>): Promise<WholeAnswer[]> {
  const drafts = new Map<number, AnswerDraft>()
  const answers: WholeAnswer[] = []
  for await (const event of events) {
    const draft = drafts.get(event.index) ?? new AnswerDraft()
    drafts.set(event.index, draft)
    if (event.type === 'delta') draft.add(event)
    else answers[event.index] = { ...draft.fields(), finish: event }
  }
  if (answers.length === 0) throw new Error('a completion ended without its finish event')
  return answers
}

/** One answer as it grows. */
export class AnswerDraft {
  #content = ''
  #reasoning = ''
  readonly #toolCalls: { name: string; arguments: string }[] = []
  readonly #logprobs: TokenText[] = []

  add({ content, reasoning, toolCalls, logprobs }: Extract<CompletionEvent, { type: 'delta' }>) {
    this.#content += content
    this.#reasoning += reasoning
    this.#logprobs.push(...logprobs)
    for (const delta of toolCalls) this.#addToolCall(delta)
  }

  #addToolCall({ index, name, arguments: text }: ToolCallDelta) {
    const call = this.#toolCalls[index]
    if (call === undefined) this.#toolCalls[index] = { name: name ?? '', arguments: text }
    else call.arguments += text
  }

  fields(): Omit<WholeAnswer, 'finish'> {
    return {
      content: this.#content,
      reasoning: this.#reasoning,
      toolCalls: this.#toolCalls,
      logprobs: this.#logprobs,
    }
  }
}
