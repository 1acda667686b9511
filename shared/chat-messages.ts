import { z } from '@hono/zod-openapi'
import { requestLimits } from './completion-schema.ts'
import { supportedValues } from './supported-values.ts'

const text = z.string().max(requestLimits.maxPromptCharacters)

const textPart = z.strictObject({ type: z.literal('text'), text })

const imagePart = z.strictObject({
  type: z.literal('image_url'),
  image_url: z.strictObject({
    url: z.string().openapi({
      description: 'A `data:image/...;base64,` URI or an http(s) URL. The bytes decide the format.',
      example: 'https://example.com/receipt.jpg',
    }),
    detail: supportedValues(
      ['auto', 'high'],
      'Both the same: every picture is read in as much detail as the context has room for.',
    ),
  }),
})

const parts = <T extends z.ZodType>(part: T) => z.array(part).min(1).max(requestLimits.maxParts)
const textContent = z.union([text, parts(textPart)])

/** OpenAI's name of a participant: no chat template of the family shows it to the model. */
const name = supportedValues([], 'Names of participants are not shown to the model.')

const systemMessage = z.strictObject({
  role: z.enum(['system', 'developer']).openapi({ description: 'Two words for the same.' }),
  content: textContent,
  name,
})

const userMessage = z.strictObject({
  role: z.literal('user'),
  content: z.union([text, parts(z.discriminatedUnion('type', [textPart, imagePart]))]),
  name,
})

const toolCall = z.strictObject({
  id: z.string().min(1).max(200),
  type: z.literal('function'),
  function: z.strictObject({
    name: z.string().min(1).max(200),
    arguments: text.openapi({ description: 'The text of a JSON object.', example: '{"city":"北京"}' }),
  }),
  index: z.int().optional().openapi({ description: 'As streams number the calls; not needed.' }),
})

const assistantMessage = z
  .strictObject({
    role: z.literal('assistant'),
    content: textContent.nullish(),
    reasoning_content: text.nullish().openapi({ description: 'What the model thought, if it is to know.' }),
    tool_calls: z.array(toolCall).max(requestLimits.maxToolCalls).nullish(),
    name,
    refusal: supportedValues([], 'The models here have no refusals apart from text.'),
    audio: supportedValues([], 'There is no audio.'),
    annotations: supportedValues([[]], 'There are no annotations.'),
    function_call: supportedValues([], 'Use tool_calls.'),
  })
  .refine(({ content, tool_calls }) => (content ?? null) !== null || (tool_calls ?? []).length > 0, {
    path: ['content'],
    message: 'must be given where there are no tool_calls',
  })

const toolMessage = z.strictObject({
  role: z.literal('tool'),
  content: textContent,
  tool_call_id: z.string().min(1).max(200).openapi({ description: 'Which of the tool_calls this answers.' }),
})

/** One turn, as OpenAI spells it. */
export const chatMessage = z
  .discriminatedUnion('role', [systemMessage, userMessage, assistantMessage, toolMessage])
  .openapi('ChatMessage')

export type ChatMessageBody = z.infer<typeof chatMessage>

export const toolDefinition = z
  .strictObject({
    type: z.literal('function'),
    function: z.strictObject({
      name: z.string().regex(/^[\w-]{1,64}$/, 'must be 1 to 64 letters, digits, "_" or "-"'),
      description: text.optional(),
      parameters: z
        .record(z.string(), z.unknown())
        .optional()
        .openapi({ description: 'A JSON schema of an object.' }),
      strict: supportedValues([false], 'Arguments are not held to the schema.'),
    }),
  })
  .openapi('Tool')
