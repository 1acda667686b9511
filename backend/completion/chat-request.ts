import type { ChatMessageBody } from '../../shared/chat-messages.ts'
import type { ChatRequest } from '../../shared/chat-schema.ts'
import { ApiError } from '../../shared/errors.ts'
import type { ChatContent, ChatMessage, ToolDefinition } from '../chat/messages.ts'
import type { CompletionBody, ImageInput } from './completion-request.ts'
import { inCallOrder } from './tool-results.ts'

type Wanted = Omit<CompletionBody, 'createConstraint'>

/**
 * What a chat request asks of the model.
 * @throws {ApiError} `invalid_request` where its parts contradict one another.
 */
export function chatToCompletion(request: ChatRequest): Wanted {
  const images: ImageInput[] = []
  const messages = request.messages.map((message, index) =>
    chatMessage(message, (part, image) => {
      images.push({ type: 'reference', reference: image, param: `messages[${index}].${part}` })
    }),
  )
  return {
    messages: inCallOrder(messages),
    images,
    sampling: {
      temperature: request.temperature ?? undefined,
      topP: request.top_p ?? undefined,
      topK: request.top_k ?? undefined,
      repetitionPenalty: request.repetition_penalty ?? undefined,
      presencePenalty: request.presence_penalty ?? undefined,
      frequencyPenalty: request.frequency_penalty ?? undefined,
      seed: request.seed ?? undefined,
    },
    maxNewTokens: request.max_completion_tokens ?? request.max_tokens ?? null,
    stop: [request.stop ?? []].flat(),
    thinking: wantsThinking(request),
    // a model that may not call any is shown none
    tools: request.tool_choice === 'none' ? [] : (request.tools ?? []).map(toolDefinition),
    maxToolCalls: request.parallel_tool_calls === false ? 1 : null,
    answers: request.n ?? 1,
    streaming: request.stream ?? false,
    logprobs: request.logprobs === true ? (request.top_logprobs ?? 0) : null,
    promptParam: 'messages',
  }
}

type OnImage = (part: string, reference: string) => void

function chatMessage(message: ChatMessageBody, onImage: OnImage): ChatMessage {
  switch (message.role) {
    case 'system':
    case 'developer':
      return { role: 'system', content: message.content }
    case 'user':
      return { role: 'user', content: userContent(message.content, onImage) }
    case 'assistant':
      return {
        role: 'assistant',
        content: message.content ?? '',
        reasoning: message.reasoning_content ?? undefined,
        toolCalls: message.tool_calls?.map((call) => ({ id: call.id, ...call.function })),
      }
    case 'tool':
      return { role: 'tool', content: message.content, toolCallId: message.tool_call_id }
  }
}

function userContent(
  content: Extract<ChatMessageBody, { role: 'user' }>['content'],
  onImage: OnImage,
): ChatContent {
  if (typeof content === 'string') return content
  return content.map((part, index) => {
    if (part.type === 'text') return part
    onImage(`content[${index}].image_url.url`, part.image_url.url)
    return { type: 'image' }
  })
}

/** The template prints the definition as it is: what the caller left out stays out. */
function toolDefinition({
  type,
  function: called,
}: NonNullable<ChatRequest['tools']>[number]): ToolDefinition {
  const { strict: _, ...definition } = called
  return { type, function: definition }
}

/** The spellings of one switch must agree. */
function wantsThinking({ thinking, chat_template_kwargs }: ChatRequest): boolean {
  const first = typeof thinking === 'object' ? thinking?.type === 'enabled' : thinking
  const given = thinking === null ? undefined : first
  const other = chat_template_kwargs?.enable_thinking
  if (given !== undefined && other !== undefined && given !== other) {
    const message = 'thinking and chat_template_kwargs.enable_thinking say different things'
    throw new ApiError('invalid_request', message, { param: 'thinking' })
  }
  return given ?? other ?? false
}
