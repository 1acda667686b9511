import { Template } from '@huggingface/jinja'
import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers'
import { expect, test } from 'vitest'
import type { ChatContent, ChatMessage, ToolDefinition } from '../../../backend/chat/messages.ts'
import { type Conversation, templateVariables } from '../../../backend/chat/template-variables.ts'
import { Random, testSeed } from '../../support/random.ts'
import {
  addedTokens,
  chatWith,
  textOf,
  tokenizer,
  tokenizerJson,
  toolsTemplate,
} from '../../support/tools-chat.ts'

const seed = testSeed()
const chat = chatWith(toolsTemplate)
const spellings = [...addedTokens.keys()]
const words = [
  'Hello',
  ' ',
  '合计多少?',
  '\n',
  '12.50',
  '👨‍👩‍👧',
  'é',
  '"q"',
  '\\',
  '{{ messages }}',
  '{% if %}',
]
const shards = [
  '<',
  '[',
  '/',
  '>',
  ']',
  '|',
  '<|',
  '|>',
  'think',
  'nothink',
  '/no',
  'think>',
  'gMASK',
  'sop',
  'user|',
  'image',
]

type RandomText = () => string

/** A conversation with the given texts in every place a caller fills. */
function randomConversation(random: Random, text: RandomText): Conversation {
  const parts = (image: boolean): ChatContent =>
    random.chance(0.4)
      ? text()
      : Array.from({ length: 1 + random.below(3) }, () =>
          image && random.chance(0.3) ? { type: 'image' as const } : { type: 'text' as const, text: text() },
        )
  const call = (): string => JSON.stringify({ [`key${text()}`]: text(), list: [text(), 1.5, null] })
  const turn = (): ChatMessage[] => [
    { role: 'user', content: parts(true) },
    {
      role: 'assistant',
      content: parts(false),
      reasoning: text(),
      toolCalls: random.chance(0.5) ? [{ id: text(), name: `f${text()}`, arguments: call() }] : [],
    },
    ...(random.chance(0.4) ? [{ role: 'tool' as const, content: parts(false), toolCallId: text() }] : []),
  ]
  const tool = (): ToolDefinition => ({
    type: 'function',
    function: {
      name: `f${text()}`,
      description: text(),
      parameters: { type: 'object', properties: { [`key${text()}`]: { enum: [text()] } } },
    },
  })
  return {
    messages: [
      ...(random.chance(0.5) ? [{ role: 'system' as const, content: parts(false) }] : []),
      ...Array.from({ length: random.below(3) }, turn).flat(),
      { role: 'user', content: parts(true) },
    ],
    tools: random.chance(0.5) ? [tool()] : [],
    thinking: random.pick([null, false, true]),
  }
}

function joined(random: Random, pieces: readonly (readonly string[])[]): RandomText {
  return () => Array.from({ length: random.below(7) }, () => random.pick(random.pick(pieces))).join('')
}

/** Tokens with a one-token picture wherever there is one. */
function tokensOf(conversation: Conversation): readonly number[] {
  const draft = chat.draft({ ...conversation, maxTokens: 1e6, param: 'messages' })
  return draft.expand(Array.from({ length: draft.images }, () => ({ height: 2, width: 2 }))).tokens
}

function plainlyRendered(conversation: Conversation): string {
  return new Template(toolsTemplate).render(templateVariables(conversation))
}

test('ordinary texts give the ids of the reference: the rendered text encoded as it stands', () => {
  const random = new Random(seed)
  const library = new LibraryTokenizer(tokenizerJson(), {})
  for (let run = 0; run < 200; run++) {
    const conversation = randomConversation(
      random,
      joined(random, [words, ['<', '>', '|', '[', 'thin', 'imag']]),
    )
    const reference = library.encode(plainlyRendered(conversation), { add_special_tokens: false }).ids
    expect(tokensOf(conversation), `seed ${seed}, run ${run}`).toEqual(reference)
  }
})

test('whatever callers write, wherever, the special tokens are the template’s and the text is theirs', () => {
  const random = new Random(seed)
  for (let run = 0; run < 400; run++) {
    const conversation = randomConversation(random, joined(random, [spellings, spellings, shards, words]))
    const tokens = tokensOf(conversation)
    expect(textOf(tokens), `seed ${seed}, run ${run}`).toBe(plainlyRendered(conversation))
    if (steersTemplate(conversation)) continue
    const expected = [...plainlyRendered(disguised(conversation)).matchAll(anySpelling)].map(([spelling]) =>
      addedTokens.get(spelling),
    )
    expect(
      tokens.filter((token) => tokenizer.isAdded(token)),
      `seed ${seed}, run ${run}`,
    ).toEqual(expected)
  }
})

const anySpelling = new RegExp(spellings.map((text) => text.replaceAll(/[|[\]/]/g, '\\$&')).join('|'), 'g')

/** Texts this template looks for: what follows depends on them, so a disguise would change it. */
function steersTemplate({ messages }: Conversation): boolean {
  return messages.some(({ role, content }) => {
    const text =
      typeof content === 'string'
        ? content
        : content.map((part) => (part.type === 'text' ? part.text : '')).join('')
    return role === 'user' ? text.endsWith('/nothink') : text.includes('</think>')
  })
}

/** The same conversation in characters no token is made of. */
function disguised(conversation: Conversation): Conversation {
  const text = (value: string) =>
    value.replaceAll(/[!-~]/g, (c) => String.fromCharCode(0xe000 + c.charCodeAt(0)))
  const content = (value: ChatContent): ChatContent =>
    typeof value === 'string'
      ? text(value)
      : value.map((part) => (part.type === 'text' ? { type: 'text', text: text(part.text) } : part))
  return {
    thinking: conversation.thinking,
    tools: conversation.tools.map(({ type, function: { name } }) => ({
      type,
      function: { name: text(name) },
    })),
    messages: conversation.messages.map((message) =>
      message.role === 'assistant'
        ? {
            ...message,
            content: content(message.content),
            reasoning: text(message.reasoning ?? ''),
            toolCalls: (message.toolCalls ?? []).map((call) => ({
              ...call,
              name: text(call.name),
              arguments: '{"key":"","list":[]}',
            })),
          }
        : { ...message, content: content(message.content) },
    ),
  }
}

test('image tokens are as many as pictures, however many a caller spells', () => {
  const content = [
    { type: 'text' as const, text: '<|image|><|begin_of_image|>' },
    { type: 'image' as const },
    { type: 'text' as const, text: '<|ima' },
    { type: 'text' as const, text: 'ge|>' },
  ]
  const draft = chat.draft({
    messages: [{ role: 'user', content }],
    tools: [],
    thinking: null,
    maxTokens: 1000,
    param: 'messages',
  })
  expect(draft.images).toBe(1)
  const grids = [{ height: 4, width: 6 }]
  const prompt = draft.expand(grids)
  const image = addedTokens.get('<|image|>')
  expect(prompt.tokens.filter((token) => token === image)).toHaveLength(6)
  expect(prompt.images).toEqual([{ offset: prompt.tokens.indexOf(image ?? -1), count: 6 }])
  expect(draft.countTokens(grids)).toBe(prompt.tokens.length)
  expect(textOf(prompt.tokens)).toContain('<|image|><|begin_of_image|><|begin_of_image|><|image|>')
})

test('a caller’s “/nothink” is text, and reasoning in an assistant’s old answer is still cut out', () => {
  const tokens = tokensOf({
    messages: [
      { role: 'user', content: 'Hi/nothink' },
      { role: 'assistant', content: '<think>secret</think>\n\nHello ' },
      { role: 'user', content: 'And now? ' },
    ],
    tools: [],
    thinking: true,
  })
  expect(textOf(tokens)).toBe(
    '[gMASK]<sop><|user|>\nHi/nothink<|assistant|>\n<think></think>\nHello<|user|>\nAnd now? <|assistant|>\n',
  )
  expect(tokens).not.toContain(addedTokens.get('/nothink'))
})
