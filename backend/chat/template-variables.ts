import { ApiError } from '../../shared/errors.ts'
import type { AssistantMessage, ChatMessage, ToolCall, ToolDefinition } from './messages.ts'

export interface Conversation {
  readonly messages: readonly ChatMessage[]
  readonly tools: readonly ToolDefinition[]
  /** null: the template decides. */
  readonly thinking: boolean | null
}

/**
 * What the reference gives a chat template for a conversation.
 * @throws ApiError when a tool call's arguments are not a JSON object
 */
export function templateVariables({ messages, tools, thinking }: Conversation): Record<string, unknown> {
  return {
    messages: messages.map(templateMessage),
    tools: tools.length === 0 ? null : tools,
    documents: null,
    add_generation_prompt: true,
    ...(thinking === null ? {} : { enable_thinking: thinking }),
  }
}

function templateMessage(message: ChatMessage, index: number): Record<string, unknown> {
  const { role, content } = message
  if (role === 'assistant') return { role, content, ...assistantFields(message, index) }
  if (role === 'tool' && message.toolCallId !== undefined)
    return { role, content, tool_call_id: message.toolCallId }
  return { role, content }
}

function assistantFields({ reasoning, toolCalls = [] }: AssistantMessage, index: number) {
  return {
    ...(reasoning === undefined ? {} : { reasoning_content: reasoning }),
    ...(toolCalls.length === 0
      ? {}
      : {
          tool_calls: toolCalls.map((call, callIndex) =>
            templateToolCall(call, `messages[${index}].tool_calls[${callIndex}].function.arguments`),
          ),
        }),
  }
}

/** Templates walk the arguments, so the text they travel in is parsed. */
function templateToolCall({ id, name, arguments: text }: ToolCall, param: string) {
  return { id, type: 'function', function: { name, arguments: parseArguments(text, param) } }
}

function parseArguments(text: string, param: string): object {
  let value: unknown
  try {
    value = JSON.parse(text === '' ? '{}' : text)
  } catch {
    value = null // refused below, like everything else that is no object
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new ApiError('invalid_request', `${param} must be the text of a JSON object`, { param })
}
