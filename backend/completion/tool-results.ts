import { ApiError } from '../../shared/errors.ts'
import type { ChatMessage } from '../chat/messages.ts'

type ToolMessage = Extract<ChatMessage, { role: 'tool' }>

/**
 * Templates tell results apart by their order alone, callers by `tool_call_id`: the results that follow a message with
 * calls are put into the order of its calls.
 * @throws {ApiError} `invalid_request` for a result of no call, or a second one.
 */
export function inCallOrder(messages: readonly ChatMessage[]): ChatMessage[] {
  const ordered: ChatMessage[] = []
  let calls: readonly string[] = []
  let results = new Map<string, ToolMessage>()
  const flush = () => {
    ordered.push(...calls.flatMap((id) => results.get(id) ?? []))
    results = new Map()
  }
  for (const [index, message] of messages.entries()) {
    if (message.role !== 'tool') {
      flush()
      ordered.push(message)
      calls = message.role === 'assistant' ? (message.toolCalls ?? []).map(({ id }) => id) : []
      continue
    }
    const id = message.toolCallId ?? ''
    if (!calls.includes(id) || results.has(id)) throw strayResult(index, id)
    results.set(id, message)
  }
  flush()
  return ordered
}

function strayResult(index: number, id: string): ApiError {
  const param = `messages[${index}].tool_call_id`
  return new ApiError('invalid_request', `${param}: no tool_calls before it wait for ${id}`, { param })
}
