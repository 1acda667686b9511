import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PresentFields } from '../../../edge/intake/present-fields.ts'
import { chatFields, chatRequest, requireAgreement } from '../../../shared/chat-schema.ts'
import { testSeed } from '../../support/random.ts'

const seed = testSeed()
const runs = 200

const text = { type: 'text', text: 'hello' }
const picture = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } }
/** Of each field some values that are taken and some that are not; fields that are in no list get any JSON. */
const worthTrying: Record<string, readonly unknown[]> = {
  model: ['m', '', 5],
  messages: [
    [{ role: 'user', content: 'hello' }],
    [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: [text, picture] },
    ],
    [{ role: 'user', content: 'hello', name: 'me' }],
    [{ role: 'assistant' }],
    [],
    'hello',
  ],
  max_tokens: [5, 6, null, 0],
  max_completion_tokens: [5, null, 1.5],
  temperature: [0, 1, 9],
  stream: [true, false, null, 'yes'],
  stream_options: [{ include_usage: true }, null, { other: 1 }],
  logprobs: [true, false],
  top_logprobs: [3, 99],
  stop: ['end', ['a', 'b'], 5],
  n: [1, 2, 0],
  thinking: [true, { type: 'enabled' }, 'on'],
  response_format: [{ type: 'text' }, { type: 'json_object' }, { type: 'xml' }],
}
const anyJson = fc.jsonValue({ maxDepth: 1 })
const candidates = (name: string) => {
  const values = worthTrying[name]
  return values === undefined ? anyJson : fc.constantFrom(...values)
}
const likely = fc.subarray(Object.keys(worthTrying), { maxLength: 3 })
const unlikely = fc.subarray([...Object.keys(chatFields.shape), 'no_such_field', 'model\nmessages'], {
  maxLength: 1,
})
const request = fc
  .tuple(
    likely,
    fc.oneof({ weight: 4, arbitrary: fc.constant<string[]>([]) }, { weight: 1, arbitrary: unlikely }),
  )
  .chain(([some, other]) => {
    const names = [...new Set(['messages', ...some, ...other])]
    return fc
      .shuffledSubarray(names, { minLength: names.length - 1 })
      .chain((ordered) =>
        fc.tuple(...ordered.map((name) => candidates(name).map((value) => [name, value] as const))),
      )
  })
  .map((entries): unknown => Object.fromEntries(entries))

test(`what is judged by its own fields is judged as by the whole schema: seed ${seed}`, () => {
  const requests = fc.oneof({ weight: 9, arbitrary: request }, { weight: 1, arbitrary: anyJson })
  let quick = 0
  fc.assert(
    fc.property(fc.array(requests, { minLength: 1, maxLength: 40 }), (bodies) => {
      const fields = new PresentFields(chatFields, requireAgreement)
      for (const body of bodies) {
        const judged = fields.parse(body)
        if (judged === null) continue // the whole schema will be asked
        quick += 1
        // The order of fields too: fingerprints are made of the text.
        expect(JSON.stringify(judged)).toBe(JSON.stringify(chatRequest.parse(body)))
      }
    }),
    { seed, numRuns: runs },
  )
  expect(quick).toBeGreaterThan(runs / 10)
})

test('a plain request needs no more than its own fields', () => {
  const fields = new PresentFields(chatFields, requireAgreement)
  const request = { messages: [{ role: 'user', content: 'hello' }], model: 'm', max_tokens: 5 }
  expect(fields.parse(request)).toEqual(request)
})

test('who sends ever new sets of fields is judged by the whole schema', () => {
  const fields = new PresentFields(chatFields, requireAgreement)
  const messages = [{ role: 'user', content: 'hello' }]
  const names = [
    'seed',
    'temperature',
    'top_p',
    'presence_penalty',
    'frequency_penalty',
    'n',
    'top_k',
  ] as const
  const requests = Array.from({ length: 2 ** names.length }, (_, set) => ({
    messages,
    ...Object.fromEntries(names.filter((_, bit) => set & (1 << bit)).map((name) => [name, 1])),
  }))
  expect(requests.map((request) => fields.parse(request)).filter((parsed) => parsed === null)).toHaveLength(
    64,
  )
  expect(fields.parse({ messages })).toEqual({ messages })
})
