import type { ChatChunk, ChatResponse } from '../../shared/chat-response.ts'
import type { Tokenizer } from '../chat/tokenizer.ts'
import type { ToolCallDelta } from '../chat/tool-call-parser.ts'
import type { FinishReason } from '../engine/request.ts'
import { type Identity, newId } from './answer-identity.ts'
import { collectAnswers, type WholeAnswer } from './collect-answer.ts'
import type { CompletionEvent } from './completion-request.ts'
import { logprobsBody } from './logprobs-body.ts'
import { timingsBody } from './timings-body.ts'
import { usageBody } from './usage-body.ts'

export interface AnswerShape {
  readonly identity: Identity
  readonly tokenizer: Tokenizer
  readonly answers: number
  readonly logprobs: boolean
  /** Streams: a last chunk with the usage. */
  readonly includeUsage: boolean
}

/** The whole answer in OpenAI's shape. */
export async function chatAnswer(
  shape: AnswerShape,
  events: AsyncIterable<CompletionEvent>,
): Promise<ChatResponse> {
  const answers = await collectAnswers(events)
  return {
    ...shape.identity,
    object: 'chat.completion',
    choices: answers.map((answer, index) => ({
      index,
      message: message(answer),
      logprobs: shape.logprobs ? logprobsBody(shape.tokenizer, answer.logprobs) : null,
      finish_reason: finishReason(answer.finish.reason, answer.toolCalls.length),
    })),
    usage: usageBody(answers.map(({ finish }) => finish.usage)),
  }
}

function message({ content, reasoning, toolCalls }: WholeAnswer): ChatResponse['choices'][number]['message'] {
  return {
    role: 'assistant',
    content: content === '' && toolCalls.length > 0 ? null : content,
    refusal: null,
    ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls.map(toolCall) }),
  }
}

function toolCall(call: WholeAnswer['toolCalls'][number]) {
  return { id: newToolCallId(), type: 'function' as const, function: call }
}

/** Clients run the tools when they see `tool_calls`; a call cut off by the length is not for running. */
function finishReason(reason: FinishReason, toolCalls: number) {
  return reason === 'stop' && toolCalls > 0 ? 'tool_calls' : reason
}

const newToolCallId = () => newId('call_')

type Delta = ChatChunk['choices'][number]['delta']
type Finish = Extract<CompletionEvent, { type: 'finish' }>

/** The answer as events of a stream, in OpenAI's shape. */
export async function* chatChunks(
  shape: AnswerShape,
  events: AsyncIterable<CompletionEvent>,
): AsyncGenerator<string> {
  const head = { ...shape.identity, object: 'chat.completion.chunk' as const }
  const unknownUsage = shape.includeUsage ? { usage: null } : {}
  const chunk = (choice: Partial<ChatChunk['choices'][number]> & { index: number }) =>
    JSON.stringify({
      ...head,
      choices: [{ delta: {}, logprobs: null, finish_reason: null, ...choice }],
      ...unknownUsage,
    } satisfies ChatChunk)

  for (let index = 0; index < shape.answers; index += 1) {
    yield chunk({ index, delta: { role: 'assistant', content: '' } })
  }
  const toolCalls = new Map<number, number>()
  const finished: Finish[] = []
  for await (const event of events) {
    const { index } = event
    if (event.type === 'finish') {
      finished.push(event)
      yield chunk({ index, finish_reason: finishReason(event.reason, toolCalls.get(index) ?? 0) })
      continue
    }
    const begun = event.toolCalls.filter(({ name }) => name !== undefined).length
    toolCalls.set(index, (toolCalls.get(index) ?? 0) + begun)
    const logprobs = shape.logprobs ? logprobsBody(shape.tokenizer, event.logprobs) : null
    for (const [position, delta] of deltas(event).entries()) {
      yield chunk({ index, delta, logprobs: position === 0 ? logprobs : null })
    }
  }
  if (shape.includeUsage) {
    const usage = usageBody(finished.map((finish) => finish.usage))
    const timings = finished.at(-1)?.timings
    yield JSON.stringify({
      ...head,
      choices: [],
      usage,
      ...(timings === undefined ? {} : { timings: timingsBody(timings) }),
    } satisfies ChatChunk)
  }
  yield '[DONE]'
}

/** What one event adds, a delta each; a token whose text is still held back adds its logprobs alone. */
function deltas(event: Extract<CompletionEvent, { type: 'delta' }>): Delta[] {
  return [
    ...(event.content === '' && event.logprobs.length === 0 ? [] : [{ content: event.content }]),
    ...(event.reasoning === '' ? [] : [{ reasoning_content: event.reasoning }]),
    ...event.toolCalls.map((call) => ({ tool_calls: [toolCallDelta(call)] })),
  ]
}

function toolCallDelta({ index, name, arguments: text }: ToolCallDelta) {
  if (name === undefined) return { index, function: { arguments: text } }
  return { index, id: newToolCallId(), type: 'function' as const, function: { name, arguments: text } }
}
