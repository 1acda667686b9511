import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ChatTemplate } from '../../../backend/chat/chat-template.ts'
import { checkTemplate } from '../../../backend/chat/check-template.ts'
import { loadChat } from '../../../backend/chat/load-chat.ts'
import type { ChatMessage } from '../../../backend/chat/messages.ts'
import { addedTokens, chatWith, textOf, toolsTemplate } from '../../support/tools-chat.ts'

const chat = chatWith(toolsTemplate)
const fixture = join(import.meta.dirname, '../../fixtures/glm4v-random')
const bareChat = await loadChat(fixture)
const request = { tools: [], thinking: null, maxTokens: 1000, param: 'messages' }
const hello: readonly ChatMessage[] = [{ role: 'user', content: 'Hello' }]
const tool = { type: 'function' as const, function: { name: 'weather', parameters: { type: 'object' } } }

const textOfDraft = (draft: ReturnType<typeof chat.draft>) => textOf(draft.expand([]).tokens)

test('thinking off asks the template for an answer without it', () => {
  const draft = chat.draft({ ...request, messages: hello, thinking: false })
  expect(textOfDraft(draft)).toBe('[gMASK]<sop><|user|>\nHello/nothink<|assistant|>\n<think></think>\n')
  expect(draft.opensReasoning).toBe(false)
})

test('a template that opens the reasoning itself says so', () => {
  const opening = chatWith("{{ messages[0].content }}<|assistant|>{{ '<think>\\n' if enable_thinking }}")
  expect(opening.draft({ ...request, messages: hello, thinking: true }).opensReasoning).toBe(true)
  expect(opening.draft({ ...request, messages: hello, thinking: false }).opensReasoning).toBe(false)
  const spelled = [{ role: 'user' as const, content: '<think>' }]
  expect(chatWith('{{ messages[0].content }}').draft({ ...request, messages: spelled }).opensReasoning).toBe(
    false,
  )
})

test('a text is refused as soon as it is longer than the prompt may be', () => {
  const long = [{ role: 'user' as const, content: 'x '.repeat(2_000_000) }]
  const refusal = expect.objectContaining({ code: 'context_length_exceeded', param: 'prompt' })
  expect(() => chat.draft({ ...request, messages: long, param: 'prompt' })).toThrow(refusal)
  const { textTokens } = chat.draft({ ...request, messages: hello })
  expect(chat.draft({ ...request, messages: hello, maxTokens: textTokens }).textTokens).toBe(textTokens)
  expect(() =>
    chat.draft({ ...request, messages: hello, maxTokens: textTokens - 1, param: 'prompt' }),
  ).toThrow(refusal)
})

test('a conversation of more parts than tokens is refused unrendered', () => {
  const content = Array.from({ length: 1001 }, () => ({ type: 'text' as const, text: '' }))
  expect(() => chat.draft({ ...request, messages: [{ role: 'user', content }] })).toThrow(
    expect.objectContaining({ code: 'context_length_exceeded' }),
  )
})

test('tools nested too deep to print are the caller’s error', () => {
  let nested: Record<string, unknown> = {}
  for (let depth = 0; depth < 20_000; depth++) nested = { nested }
  const deep = { type: 'function' as const, function: { name: 'f', parameters: nested } }
  expect(() => chat.draft({ ...request, messages: hello, tools: [deep] })).toThrow(
    expect.objectContaining({ code: 'invalid_request' }),
  )
})

test('tools are printed to the model, their results come back', () => {
  const text = textOfDraft(
    chat.draft({
      ...request,
      tools: [tool],
      messages: [
        ...hello,
        {
          role: 'assistant',
          content: '',
          toolCalls: [{ id: '1', name: 'weather', arguments: '{"city":"北京","days":2}' }],
        },
        { role: 'tool', content: 'rain', toolCallId: '1' },
      ],
    }),
  )
  expect(text).toContain(
    '{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}',
  )
  expect(text).toContain(
    '<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>北京</arg_value>\n<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n</tool_call>',
  )
  expect(text).toContain('<|observation|>\n<tool_response>\nrain\n</tool_response>')
})

test('a template without tools refuses them, wherever they are', () => {
  expect(chat.usesTools).toBe(true)
  expect(bareChat.usesTools).toBe(false)
  const refusal = (param: string) => expect.objectContaining({ code: 'unsupported_parameter', param })
  const call = {
    role: 'assistant' as const,
    content: '',
    toolCalls: [{ id: '1', name: 'f', arguments: '{}' }],
  }
  expect(() => bareChat.draft({ ...request, messages: hello, tools: [tool] })).toThrow(refusal('tools'))
  expect(() => bareChat.draft({ ...request, messages: [...hello, call] })).toThrow(
    refusal('messages[1].tool_calls'),
  )
  expect(() => bareChat.draft({ ...request, messages: [{ role: 'tool', content: 'x' }] })).toThrow(
    refusal('messages[0].role'),
  )
})

test.each(['{', '[]', 'null', '"x"', '3'])('tool call arguments %s are refused by place', (text) => {
  const call = { id: '1', name: 'f', arguments: text }
  const messages = [...hello, { role: 'assistant' as const, content: '', toolCalls: [call] }]
  const param = 'messages[1].tool_calls[0].function.arguments'
  expect(() => chat.draft({ ...request, messages })).toThrow(
    expect.objectContaining({ code: 'invalid_request', param }),
  )
})

test('a picture the template would drop is refused, not ignored', () => {
  const messages: ChatMessage[] = [
    { role: 'system', content: [{ type: 'text', text: 'x' }, { type: 'image' }] },
    ...hello,
  ]
  expect(() => bareChat.draft({ ...request, messages })).toThrow(
    expect.objectContaining({
      code: 'invalid_request',
      message: expect.stringContaining('0 of the 1 images'),
    }),
  )
})

test('what a template refuses is the caller’s error, in the template’s words and spellings', () => {
  const strict = chatWith(
    "{{ '<|user|>' }}{{ raise_exception('after <|user|> comes ' ~ messages[0].content) }}",
  )
  expect(() => strict.draft({ ...request, messages: hello })).toThrow(
    expect.objectContaining({
      code: 'invalid_request',
      message: expect.stringContaining('after <|user|> comes Hello'),
    }),
  )
})

test('a template that puts special tokens together out of pieces is refused when it is loaded', () => {
  const load = (source: string) =>
    checkTemplate(new ChatTemplate({ source, constants: {}, tokens: addedTokens }), 'chat_template.jinja')
  expect(() => load(toolsTemplate)).not.toThrow()
  expect(() => load('{% for m in messages %}<|{{ m.role }}|>{% endfor %}')).toThrow(/out of pieces/)
  expect(() => load("{{ '<' ~ 'sop>' }}")).toThrow(/out of pieces/)
})

test('tokens a model’s files name as variables are special in the template', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'chat-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  for (const name of ['config.json', 'preprocessor_config.json', 'tokenizer.json']) {
    cpSync(join(fixture, name), join(dir, name))
  }
  const config = {
    eos_token: { content: '<|endoftext|>' },
    chat_template: '{{ messages[0].content }}{{ eos_token }}',
  }
  writeFileSync(join(dir, 'tokenizer_config.json'), JSON.stringify(config))
  const loaded = await loadChat(dir)
  const { tokens } = loaded
    .draft({ ...request, messages: [{ role: 'user', content: '<|endoftext|>' }] })
    .expand([])
  expect(tokens.filter((token) => token === addedTokens.get('<|endoftext|>'))).toHaveLength(1)
  expect(tokens.at(-1)).toBe(addedTokens.get('<|endoftext|>'))
})

test('a folder whose tokenizer has no image token, or whose template does not parse, is refused by file', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'chat-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  for (const name of ['config.json', 'preprocessor_config.json', 'tokenizer.json']) {
    cpSync(join(fixture, name), join(dir, name))
  }
  writeFileSync(join(dir, 'chat_template.jinja'), '{% if %}')
  await expect(loadChat(dir)).rejects.toThrow(/^chat_template\.jinja: does not parse/)
  const tokenizer = JSON.parse(readFileSync(join(fixture, 'tokenizer.json'), 'utf8'))
  tokenizer.added_tokens = tokenizer.added_tokens.filter(
    ({ content }: { content: string }) => content !== '<|image|>',
  )
  writeFileSync(join(dir, 'tokenizer.json'), JSON.stringify(tokenizer))
  await expect(loadChat(dir)).rejects.toThrow(/^tokenizer\.json: added_tokens: has no image token 806/)
})
