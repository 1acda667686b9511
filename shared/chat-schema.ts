import { z } from '@hono/zod-openapi'
import { chatMessage, toolDefinition } from './chat-messages.ts'
import { repetitionPenalty, requestLimits, samplingFields } from './completion-schema.ts'
import { responseFormat } from './response-format.ts'
import { supportedValues } from './supported-values.ts'

const penalty = z.number().min(-2).max(2).nullish()
const maxTokens = z.int().min(1).max(requestLimits.maxNewTokens).nullish()
const label = z.string().max(1000).nullish()

/** What other servers of open models take beside OpenAI's fields. */
const vendorFields = {
  top_k: z.int().min(0).max(1_000_000).nullish().openapi({ description: '0 keeps all.' }),
  repetition_penalty: repetitionPenalty.nullish().openapi({ description: '1 is none.' }),
  thinking: z
    .union([z.boolean(), z.strictObject({ type: z.enum(['enabled', 'disabled']) })])
    .nullish()
    .openapi({
      description: 'On, the reasoning comes apart, as reasoning_content. Default off.',
      example: { type: 'enabled' },
    }),
  chat_template_kwargs: z
    .strictObject({ enable_thinking: z.boolean().optional() })
    .nullish()
    .openapi({ description: 'Another spelling of thinking.' }),
} as const

/** OpenAI's fields that have no meaning here, each with the values that ask for nothing. */
const fieldsWithoutMeaning = {
  audio: supportedValues([], 'There is no audio.'),
  function_call: supportedValues(['none', 'auto'], 'Use tool_choice.'),
  functions: supportedValues([[]], 'Use tools.'),
  logit_bias: supportedValues([{}], 'Tokens cannot be weighted.'),
  metadata: supportedValues([{}], 'Nothing is stored.'),
  modalities: supportedValues([['text']], 'Answers are text.'),
  moderation: supportedValues([], 'Nothing is moderated.'),
  prediction: supportedValues([], 'Predicted outputs are not used.'),
  prompt_cache_key: supportedValues([], "Each caller's earlier prompts are used by themselves."),
  prompt_cache_options: supportedValues([], "Each caller's earlier prompts are used by themselves."),
  prompt_cache_retention: supportedValues(['in_memory'], 'Caches are in memory.'),
  reasoning_effort: supportedValues(['none'], 'Reasoning is on or off: use thinking.'),
  service_tier: supportedValues(['auto', 'default'], 'There is one tier.'),
  store: supportedValues([false], 'Nothing is stored.'),
  verbosity: supportedValues(['medium'], 'Ask for it in the prompt.'),
  web_search_options: supportedValues([], 'There is no web search.'),
} as const

/** The fields, each judged alone. */
export const chatFields = z.strictObject({
  model: z.string().min(1).max(200).optional().openapi({ description: 'If given, it must be served here.' }),
  messages: z.array(chatMessage).min(1).max(requestLimits.maxMessages),
  max_completion_tokens: maxTokens.openapi({
    description: 'Default 512; capped by the room left in the context.',
  }),
  max_tokens: maxTokens.openapi({
    description: 'The older name of max_completion_tokens. Where both are given they must be equal.',
  }),
  temperature: samplingFields.temperature.nullable(),
  top_p: samplingFields.top_p.nullable(),
  presence_penalty: penalty.openapi({ description: 'Subtracted once from every token of the answer.' }),
  frequency_penalty: penalty.openapi({
    description: 'Subtracted from every token of the answer as often as it came.',
  }),
  seed: samplingFields.seed.nullable(),
  stop: samplingFields.stop.nullable(),
  n: z.int().min(1).max(requestLimits.maxAnswers).nullish().openapi({
    description: "Answers to give, at most the server's --max-batch-size.",
  }),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish().openapi({ description: 'Only with logprobs: true.' }),
  stream: samplingFields.stream.nullable(),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().nullish().openapi({
        description: 'One more chunk at the end tells the usage; on the others it is null.',
      }),
      include_obfuscation: supportedValues([false], 'Chunks carry no padding.'),
    })
    .nullish()
    .openapi({ description: 'Only with stream: true.' }),
  response_format: responseFormat.nullish(),
  tools: z.array(toolDefinition).max(requestLimits.maxTools).nullish(),
  tool_choice: supportedValues(['none', 'auto'], 'The model cannot be made to call a tool.'),
  parallel_tool_calls: z
    .boolean()
    .nullish()
    .openapi({ description: 'false: the answer ends after one tool call. Default true.' }),
  user: label.openapi({ description: 'Your name for your user. Forgotten: never stored or logged.' }),
  safety_identifier: label.openapi({ description: 'As user.' }),
  ...vendorFields,
  ...fieldsWithoutMeaning,
})

/** What must hold between fields. */
export function requireAgreement(
  request: Partial<z.infer<typeof chatFields>>,
  context: Pick<z.core.$RefinementCtx, 'addIssue'>,
) {
  const refuse = (field: keyof typeof request, message: string) =>
    context.addIssue({ code: 'custom', path: [field], message })
  const { max_tokens, max_completion_tokens, logprobs, top_logprobs, stream, stream_options } = request
  if ((max_tokens ?? max_completion_tokens) !== (max_completion_tokens ?? max_tokens))
    refuse('max_tokens', 'must be equal to max_completion_tokens, or left out')
  if (logprobs !== true && typeof top_logprobs === 'number') refuse('top_logprobs', 'needs logprobs: true')
  if (stream !== true && (stream_options ?? null) !== null) refuse('stream_options', 'needs stream: true')
}

/** `POST /v1/chat/completions`: every field of OpenAI's, and no other but the vendors' above. */
export const chatRequest = chatFields.superRefine(requireAgreement).openapi('ChatCompletionRequest', {
  example: {
    messages: [
      { role: 'system', content: 'Answer in one line.' },
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: 'https://example.com/receipt.jpg' } },
          { type: 'text', text: 'How much is it in all?' },
        ],
      },
    ],
    max_completion_tokens: 200,
    temperature: 0,
  },
})

export type ChatRequest = z.infer<typeof chatRequest>
