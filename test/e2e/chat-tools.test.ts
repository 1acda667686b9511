import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.ts'

let scripted: ScriptedServer
let client: OpenAI
beforeAll(async () => {
  scripted = await startScriptedServer()
  client = new OpenAI({ baseURL: `${scripted.url}/v1`, apiKey: 'none', maxRetries: 0 })
})
afterAll(() => scripted.close())
afterEach(() => {
  scripted.runner.prompts.length = 0
})

const weather = {
  type: 'function' as const,
  function: {
    name: 'weather',
    description: 'Tells the weather.',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer' } },
      required: ['city'],
    },
  },
}
const call = (city: string, days: number) =>
  `<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>${city}</arg_value>\n<arg_key>days</arg_key>\n<arg_value>${days}</arg_value>\n</tool_call>`
const question = { role: 'user' as const, content: '北京天气?' }
const request = { model: 'scripted', messages: [question], tools: [weather] }

const wantedCall = (city: string, days: number) => ({
  id: expect.stringMatching(/^call_\w{20}$/),
  type: 'function',
  function: { name: 'weather', arguments: JSON.stringify({ city, days }) },
})

describe('tool calls', () => {
  test('come apart from the text, with arguments of the types the tool declares', async () => {
    scripted.runner.says(`我查一下。${call('12', 3)}${call('上海', 1)}`)
    const { choices } = await client.chat.completions.create(request)
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { content: '我查一下。', tool_calls: [wantedCall('12', 3), wantedCall('上海', 1)] },
    })
    expect(scripted.runner.prompts[0]).toContain('"description": "Tells the weather."')
  })

  test('without text have null for content', async () => {
    scripted.runner.says(call('北京', 1))
    const { choices } = await client.chat.completions.create(request)
    expect(choices[0]?.message.content).toBeNull()
  })

  test('are streamed in pieces that join to the same', async () => {
    scripted.runner.says(`好。${call('北京', 2)}${call('上海', 1)}`)
    const stream = client.chat.completions.stream(request)
    const deltas: unknown[] = []
    stream.on('chunk', (chunk) => deltas.push(...(chunk.choices[0]?.delta.tool_calls ?? [])))
    const { choices } = await stream.finalChatCompletion()
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { content: '好。', tool_calls: [wantedCall('北京', 2), wantedCall('上海', 1)] },
    })
    expect(deltas.length).toBeGreaterThan(4)
  })

  test('are run by the SDK and their results fed back', async () => {
    scripted.runner.says(call('北京', 1), '北京晴。')
    const asked: unknown[] = []
    const runner = client.chat.completions.runTools({
      ...request,
      tools: [
        {
          type: 'function',
          function: {
            ...weather.function,
            parse: JSON.parse,
            function: (args: unknown) => {
              asked.push(args)
              return '晴, 3°C'
            },
          },
        },
      ],
    })
    expect(await runner.finalContent()).toBe('北京晴。')
    expect(asked).toEqual([{ city: '北京', days: 1 }])
    expect(scripted.runner.prompts[1]).toContain('<tool_response>\n晴, 3°C\n</tool_response>')
  })

  test('end after the first with parallel_tool_calls: false', async () => {
    for (const stream of [false, true]) {
      scripted.runner.says(`${call('北京', 1)}${call('上海', 1)}${call('广州', 1)}`)
      const one = { ...request, parallel_tool_calls: false }
      const { choices } = stream
        ? await client.chat.completions.stream(one).finalChatCompletion()
        : await client.chat.completions.create(one)
      expect(choices[0]).toMatchObject({
        finish_reason: 'tool_calls',
        message: { tool_calls: [wantedCall('北京', 1)] },
      })
    }
  })

  test('that the length cut off are told as length, not to be run', async () => {
    scripted.runner.says(call('北京', 1))
    const { choices } = await client.chat.completions.create({ ...request, max_tokens: 12 })
    expect(choices[0]?.finish_reason).toBe('length')
  })

  test('are not looked for, nor tools shown, with tool_choice: none', async () => {
    scripted.runner.says('没有。')
    const { choices } = await client.chat.completions.create({ ...request, tool_choice: 'none' })
    expect(choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: '没有。' } })
    expect(scripted.runner.prompts[0]).not.toContain('Tells the weather.')
  })
})

describe('tool results', () => {
  const turn = (results: readonly [id: string, content: string][]) => ({
    ...request,
    messages: [
      question,
      {
        role: 'assistant' as const,
        content: null,
        tool_calls: ['a', 'b'].map((id) => ({
          id,
          type: 'function' as const,
          function: { name: 'weather', arguments: `{"city":"${id}"}` },
        })),
      },
      ...results.map(([id, content]) => ({ role: 'tool' as const, tool_call_id: id, content })),
    ],
  })

  test('are shown in the order of their calls, however they came', async () => {
    scripted.runner.says('1', '2')
    await client.chat.completions.create(
      turn([
        ['a', 'first'],
        ['b', 'second'],
      ]),
    )
    await client.chat.completions.create(
      turn([
        ['b', 'second'],
        ['a', 'first'],
      ]),
    )
    expect(scripted.runner.prompts[1]).toBe(scripted.runner.prompts[0])
  })

  test.each([
    ['of no call', [['c', 'x']]],
    [
      'given twice',
      [
        ['a', 'x'],
        ['a', 'y'],
      ],
    ],
  ] as const)('%s are refused by name', async (_, results) => {
    const asked = client.chat.completions.create(turn(results.map(([id, content]) => [id, content])))
    await expect(asked).rejects.toMatchObject({
      status: 400,
      code: 'invalid_request',
      param: `messages[${1 + results.length}].tool_call_id`,
    })
  })

  test('need calls whose arguments are JSON objects', async () => {
    const { messages } = turn([])
    const [first] = messages
    const bad = {
      role: 'assistant' as const,
      content: null,
      tool_calls: [{ id: 'a', type: 'function' as const, function: { name: 'weather', arguments: '[1]' } }],
    }
    const asked = client.chat.completions.create({ ...request, messages: [first ?? question, bad] })
    await expect(asked).rejects.toMatchObject({ param: 'messages[1].tool_calls[0].function.arguments' })
  })
})

describe('reasoning', () => {
  const thinking = { ...request, tools: [], thinking: { type: 'enabled' } }

  test('comes apart when thinking is on, whole and streamed', async () => {
    scripted.runner.says('<think>嗯，晴天。</think>\n晴。', '<think>嗯，晴天。</think>\n晴。')
    const whole = await client.chat.completions.create(thinking)
    expect(whole.choices[0]?.message).toMatchObject({ content: '晴。', reasoning_content: '嗯，晴天。' })
    let reasoning = ''
    let content = ''
    for await (const chunk of await client.chat.completions.create({ ...thinking, stream: true })) {
      const delta = chunk.choices[0]?.delta as { content?: string; reasoning_content?: string }
      reasoning += delta.reasoning_content ?? ''
      content += delta.content ?? ''
    }
    expect([reasoning, content]).toEqual(['嗯，晴天。', '晴。'])
  })

  test.each([{ chat_template_kwargs: { enable_thinking: true } }, { thinking: true }])(
    'is asked for in several ways: %o',
    async (spelling) => {
      scripted.runner.says('<think>a</think>b')
      const { choices } = await client.chat.completions.create({ ...request, ...spelling } as typeof request)
      expect(choices[0]?.message).toMatchObject({ reasoning_content: 'a' })
    },
  )

  test('is left out otherwise', async () => {
    scripted.runner.says('<think>a</think>b')
    const { choices } = await client.chat.completions.create({ ...request, reasoning_effort: 'none' })
    expect(choices[0]?.message).toEqual({ role: 'assistant', content: 'b', refusal: null })
  })

  test('that is fed back reaches the template', async () => {
    scripted.runner.says('好')
    const thought = { role: 'assistant' as const, content: '晴', reasoning_content: '想过了' }
    await client.chat.completions.create({ ...request, messages: [question, thought] })
    expect(scripted.runner.prompts[0]).toContain('<think>想过了</think>')
  })

  test('asked for and refused at once is an error', async () => {
    const both = { ...thinking, chat_template_kwargs: { enable_thinking: false } }
    await expect(client.chat.completions.create(both)).rejects.toMatchObject({ param: 'thinking' })
  })
})

describe('logprobs', () => {
  test('have a token each of the content, in bytes that join to it, whole and streamed alike', async () => {
    const asked = { ...request, tools: [], logprobs: true, top_logprobs: 2 }
    scripted.runner.says('<think>x</think>金额🙂', '<think>x</think>金额🙂')
    const whole = (await client.chat.completions.create(asked)).choices[0]?.logprobs
    const bytes = whole?.content?.flatMap((entry) => entry.bytes ?? []) ?? []
    expect(Buffer.from(bytes).toString()).toBe('金额🙂')
    const [first] = whole?.content ?? []
    expect(first).toMatchObject({ logprob: Math.log(0.5), token: expect.any(String) })
    expect(first?.top_logprobs).toEqual([
      { token: first?.token, bytes: first?.bytes, logprob: Math.log(0.5) },
      { token: expect.any(String), bytes: expect.any(Array), logprob: 2 * Math.log(0.5) },
    ])
    expect(whole?.refusal).toBeNull()

    const streamed: unknown[] = []
    for await (const chunk of await client.chat.completions.create({ ...asked, stream: true })) {
      streamed.push(...(chunk.choices[0]?.logprobs?.content ?? []))
    }
    expect(streamed).toEqual(whole?.content)
  })

  test('are null when not asked for, and without alternatives when none are', async () => {
    scripted.runner.says('a', 'a')
    const without = await client.chat.completions.create({ ...request, tools: [] })
    expect(without.choices[0]?.logprobs).toBeNull()
    const bare = await client.chat.completions.create({ ...request, tools: [], logprobs: true })
    expect(bare.choices[0]?.logprobs?.content?.[0]?.top_logprobs).toEqual([])
  })
})

describe('several answers', () => {
  const asked = { ...request, tools: [] }

  test('come by index, with the prompt counted once, whole and streamed', async () => {
    scripted.runner.says('a')
    const one = await client.chat.completions.create(asked)
    scripted.runner.says('a', 'a b', 'a', 'a b')
    const whole = await client.chat.completions.create({ ...asked, n: 2 })
    const stream = client.chat.completions.stream({ ...asked, n: 2, stream_options: { include_usage: true } })
    for (const { choices, usage } of [whole, await stream.finalChatCompletion()]) {
      expect(choices.map(({ index }) => index)).toEqual([0, 1])
      expect(choices.map(({ message }) => message.content).toSorted()).toEqual(['a', 'a b'])
      expect(choices.map(({ finish_reason }) => finish_reason)).toEqual(['stop', 'stop'])
      expect(usage?.prompt_tokens).toBe(one.usage?.prompt_tokens)
      expect(usage?.completion_tokens).toBeGreaterThan(2 * (one.usage?.completion_tokens ?? 0))
    }
  })

  test('are at most as many as the server has slots', async () => {
    await expect(client.chat.completions.create({ ...asked, n: 5 })).rejects.toMatchObject({ param: 'n' })
  })
})
