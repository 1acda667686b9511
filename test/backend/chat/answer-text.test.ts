import { expect, test } from 'vitest'
import { type AnswerDelta, type AnswerOptions, AnswerText } from '../../../backend/chat/answer-text.ts'
import type { ToolDefinition } from '../../../backend/chat/messages.ts'
import { Random, testSeed } from '../../support/random.ts'
import { addedTokens, chatWith, tokenizer, toolsTemplate } from '../../support/tools-chat.ts'

const seed = testSeed()
const plain = {
  tokenizer,
  stop: [],
  thinking: true,
  opensReasoning: false,
  tools: [],
} satisfies AnswerOptions
const added = (spelling: string) => addedTokens.get(spelling) ?? -1

/** Tokens of a text in which special tokens are spelled, as a model would write it. */
function written(text: string): number[] {
  const parts = text.split(/(<\/?think>|<\/?tool_call>|<\/?arg_key>|<\/?arg_value>|<\|\w+\|>)/)
  return parts.flatMap((part, index) => (index % 2 === 1 ? [added(part)] : tokenizer.encode(part)))
}

interface Whole {
  content: string
  reasoning: string
  calls: { name: string; arguments: string }[]
  stopped: boolean
}

function streamed(tokens: readonly number[], options: AnswerOptions, cut = false): Whole {
  const answer = new AnswerText(options)
  const whole: Whole = { content: '', reasoning: '', calls: [], stopped: false }
  const add = (delta: AnswerDelta) => {
    whole.content += delta.content
    whole.reasoning += delta.reasoning
    whole.stopped ||= delta.stopped
    for (const { index, name, arguments: text } of delta.toolCalls) {
      if (name !== undefined) whole.calls[index] = { name, arguments: '' }
      const call = whole.calls[index]
      if (call === undefined) throw new Error('a call starts with its name')
      call.arguments += text
    }
  }
  for (const token of tokens) {
    add(answer.push(token))
    if (whole.stopped) break
  }
  add(answer.end(cut))
  expect(whole.calls).toHaveLength(answer.toolCallCount)
  return whole
}

/** The obvious version: split at added tokens, decode each stretch whole, join, cut, trim. */
function slowWhole(tokens: readonly number[], { stop, thinking, opensReasoning }: AnswerOptions) {
  const text = { content: '', reasoning: '' }
  let part: keyof typeof text = opensReasoning ? 'reasoning' : 'content'
  let bytes: number[] = []
  const flush = () => {
    text[part] += wholeCharacters(Uint8Array.from(bytes))
    bytes = []
  }
  for (const token of tokens) {
    if (!tokenizer.isAdded(token)) {
      bytes.push(...tokenizer.bytes(token))
      continue
    }
    flush()
    if (token === added('<think>')) part = 'reasoning'
    if (token === added('</think>')) part = 'content'
  }
  flush()
  const content = cutAtStop(text.content, stop)
  return { content: content.trim(), reasoning: thinking ? text.reasoning.trim() : '' }
}

function wholeCharacters(bytes: Uint8Array): string {
  const unfinished = [3, 2, 1].find(
    (length) => length <= bytes.length && isUnfinished(bytes.subarray(-length)),
  )
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
    bytes.subarray(0, bytes.length - (unfinished ?? 0)),
  )
}

/** Whether some continuation makes these bytes one character. */
function isUnfinished(bytes: Uint8Array): boolean {
  if ((bytes[0] ?? 0) < 0xc2) return false
  const fillers = [
    [0x80],
    [0x9f],
    [0xbf],
    [0x80, 0x80],
    [0x9f, 0x80],
    [0xbf, 0x80],
    [0x80, 0x80, 0x80],
    [0xbf, 0x80, 0x80],
  ]
  return fillers.some((filler) => {
    try {
      const decoded = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
        Uint8Array.from([...bytes, ...filler]),
      )
      return [...decoded].length === 1
    } catch {
      return false
    }
  })
}

function cutAtStop(text: string, stops: readonly string[]): string {
  for (let end = 1; end <= text.length; end++) {
    const seen = text.slice(0, end)
    const matching = stops.filter(
      (stop) => seen.endsWith(stop) && (stop.trim() !== '' || isAfterText(seen, stop)),
    )
    const longest = Math.max(...matching.map((stop) => stop.length))
    if (matching.length > 0) return text.slice(0, end - longest)
  }
  return text
}

/** Whether the stop at the end of the text does not reach into the white space the answer begins with. */
function isAfterText(seen: string, stop: string): boolean {
  return seen.slice(0, seen.length - stop.length).trim() !== ''
}

function randomTokens(random: Random): number[] {
  const markup = ['<think>', '</think>', '<|begin_of_box|>', '<|end_of_box|>', '<|image|>', '/nothink'].map(
    added,
  )
  const words = ['Total: 12.50', '合计', '\n\n', ' ', '👨‍👩‍👧', 'é', 'END', 'ND', '\n', '读出图中的文字'].map(
    (text) => tokenizer.encode(text),
  )
  return Array.from({ length: random.below(40) }, () => {
    if (random.chance(0.08)) return [random.pick(markup)]
    return random.chance(0.6) ? random.pick(words) : [random.below(tokenizer.vocabSize)]
  }).flat()
}

test('deltas joined are the whole answer, for any tokens and options', () => {
  const random = new Random(seed)
  const stops = [
    'END',
    'ND\n',
    '计',
    '👨',
    '\n\n',
    ' ',
    'l: 1',
    '12.50\n',
    'D',
    '出图中的',
    '图中',
    '读出图中',
  ]
  for (let run = 0; run < 1500; run++) {
    const tokens = randomTokens(random)
    const options = {
      ...plain,
      stop: Array.from({ length: random.below(4) }, () => random.pick(stops)),
      thinking: random.chance(0.5),
      opensReasoning: random.chance(0.3),
    }
    const { content, reasoning, stopped } = streamed(tokens, options, random.chance(0.5))
    const slow = slowWhole(tokens, options)
    const label = `seed ${seed}, run ${run}`
    expect(content, label).toBe(slow.content)
    // What was thought after the answer was stopped is never generated.
    if (stopped) expect(slow.reasoning.startsWith(reasoning), label).toBe(true)
    else expect(reasoning, label).toBe(slow.reasoning)
  }
})

test('no half character goes out, and its end brings it whole', () => {
  const answer = new AnswerText(plain)
  const tokens = tokenizer.encode('a🧮b')
  expect(tokens.length).toBeGreaterThan(3)
  expect(tokens.map((token) => answer.push(token).content).filter((text) => text !== '')).toEqual([
    'a',
    '🧮',
    'b',
  ])
})

test('reasoning is apart whether the model or the template opens it', () => {
  const expected = { content: 'The total is 12.', reasoning: 'Let me see.', calls: [], stopped: false }
  expect(streamed(written('<think>\nLet me see.\n</think>\nThe total is 12.\n'), plain)).toEqual(expected)
  const rest = written('\nLet me see.\n</think>\n<|begin_of_box|>The total is 12.<|end_of_box|>')
  expect(streamed(rest, { ...plain, opensReasoning: true })).toEqual(expected)
  expect(streamed(written('<think>hm</think>ok'), { ...plain, thinking: false })).toMatchObject({
    content: 'ok',
    reasoning: '',
  })
})

test('markup written as ordinary characters is text', () => {
  const text = '<think>a</think><tool_call>b</tool_call>'
  const tokens = tokenizer.encode(text)
  expect(streamed(tokens, { ...plain, tools: [weather] })).toMatchObject({
    content: text,
    reasoning: '',
    calls: [],
  })
})

test('a stop string cuts across tokens, and what only looks like its beginning is given back', () => {
  const options = { ...plain, stop: ['STOP'] }
  const tokens = tokenizer.encode('one ST two STO')
  expect(streamed(tokens, options)).toMatchObject({ content: 'one ST two STO', stopped: false })
  expect(streamed([...tokens, ...tokenizer.encode('P three')], options)).toMatchObject({
    content: 'one ST two',
    stopped: true,
  })
})

test('a stop string counts in the content alone, and not in the white space before it', () => {
  const options = { ...plain, stop: ['\n'] }
  expect(streamed(written('<think>a\nb</think>\n\nfirst line\nsecond'), options)).toMatchObject({
    content: 'first line',
    reasoning: 'a\nb',
    stopped: true,
  })
})

const weather: ToolDefinition = {
  type: 'function',
  function: {
    name: 'weather',
    parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } },
  },
}

test('tool calls are read as they come: the name first, then argument by argument', () => {
  const answer = new AnswerText({ ...plain, tools: [weather] })
  const deltas = written(
    'I look.\n<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>12</arg_value>\n<arg_key>days</arg_key>\n<arg_value>12</arg_value>\n</tool_call>\n<tool_call>now\n</tool_call>',
  ).flatMap((token) => answer.push(token).toolCalls)
  expect(deltas).toEqual([
    { index: 0, name: 'weather', arguments: '' },
    { index: 0, arguments: '{"city":"12"' },
    { index: 0, arguments: ',"days":12' },
    { index: 0, arguments: '}' },
    { index: 1, name: 'now', arguments: '' },
    { index: 1, arguments: '{}' },
  ])
})

test('a call the model leaves open is closed at the end of its turn, and left open when it was cut', () => {
  const tokens = written('<tool_call>weather\n<arg_key>city</arg_key><arg_value>Oslo</arg_value>')
  const options = { ...plain, tools: [weather] }
  expect(streamed(tokens, options).calls).toEqual([{ name: 'weather', arguments: '{"city":"Oslo"}' }])
  expect(streamed(tokens, options, true).calls).toEqual([{ name: 'weather', arguments: '{"city":"Oslo"' }])
})

test('without tools a call’s words are content', () => {
  expect(streamed(written('<tool_call>weather\n</tool_call>'), plain)).toMatchObject({
    content: 'weather',
    calls: [],
  })
})

test('what the template prints of a call, the parser reads back', () => {
  const random = new Random(seed)
  const chat = chatWith(toolsTemplate)
  const words = [
    '北京',
    'a b',
    '12',
    'true',
    'null',
    '{"x":1}',
    '"q"',
    '\n',
    ' ',
    '</arg_value>',
    '<tool_call>',
    '👨‍👩‍👧',
    '',
  ]
  const word = () => Array.from({ length: random.below(4) }, () => random.pick(words)).join('')
  const values = [
    () => word(),
    () => random.below(100),
    () => 1.5,
    () => null,
    () => [word(), { [word()]: 1 }],
    () => true,
  ]
  for (let run = 0; run < 150; run++) {
    const call = Object.fromEntries(
      Array.from({ length: random.below(4) }, (_, index) => [`key ${index}`, random.pick(values)()]),
    )
    const types = Object.entries(call).map(([key, value]) => [
      key,
      typeof value === 'string' ? { type: 'string' } : {},
    ])
    const tool: ToolDefinition = {
      type: 'function',
      function: { name: 'f', parameters: { type: 'object', properties: Object.fromEntries(types) } },
    }
    const draft = chat.draft({
      messages: [
        {
          role: 'assistant',
          content: '',
          toolCalls: [{ id: '1', name: 'f', arguments: JSON.stringify(call) }],
        },
      ],
      tools: [tool],
      thinking: null,
      maxTokens: 10_000,
      param: 'messages',
    })
    const { tokens } = draft.expand([])
    const turn = tokens.slice(
      tokens.indexOf(added('<|assistant|>')) + 1,
      tokens.lastIndexOf(added('<|assistant|>')),
    )
    const { calls, content } = streamed(turn, { ...plain, tools: [tool] })
    expect(
      calls.map(({ name, arguments: text }) => [name, JSON.parse(text)]),
      `seed ${seed}, run ${run}`,
    ).toEqual([['f', call]])
    expect(content).toBe('')
  }
})

test('however a model misuses the markup of calls, finished ones are JSON objects', () => {
  const random = new Random(seed)
  const markup = [
    '<tool_call>',
    '</tool_call>',
    '<arg_key>',
    '</arg_key>',
    '<arg_value>',
    '</arg_value>',
    '<think>',
    '</think>',
  ]
  for (let run = 0; run < 500; run++) {
    const tokens = Array.from({ length: random.below(60) }, () =>
      random.chance(0.5) ? added(random.pick(markup)) : random.below(tokenizer.vocabSize),
    )
    const { calls } = streamed(tokens, { ...plain, tools: [weather] })
    for (const { name, arguments: text } of calls) {
      expect(name, `seed ${seed}, run ${run}`).not.toBe('')
      expect(JSON.parse(text), `seed ${seed}, run ${run}`).toBeTypeOf('object')
    }
  }
})

test('each token says which part of the answer it belongs to', () => {
  const answer = new AnswerText({ ...plain, tools: [weather] })
  const parts = written('<think>a</think>b<tool_call>c').map((token) => answer.push(token).part)
  expect(parts).toEqual([null, 'reasoning', null, 'content', 'tool_call', 'tool_call'])
})
