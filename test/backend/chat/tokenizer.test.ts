import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers'
import { expect, test } from 'vitest'
import { type Merge, MergeTable } from '../../../backend/chat/merge-table.ts'
import { TokenMerger } from '../../../backend/chat/token-merger.ts'
import { tokenText } from '../../../backend/chat/token-text.ts'
import { Tokenizer } from '../../../backend/chat/tokenizer.ts'
import { tokenizerSchema } from '../../../backend/chat/tokenizer-file.ts'
import { Random, testSeed } from '../../support/random.ts'
import { addedTokens, textOf, tokenizer, tokenizerJson } from '../../support/tools-chat.ts'

const seed = testSeed()
const pieces = [
  ...[
    'What is the total?',
    'List all amounts',
    '合计多少?',
    '列出所有金额',
    'Coffee ¥12.50',
    "don't I'LL",
    'naïve',
    'é',
  ],
  ...[
    ' ',
    '  ',
    '\n',
    '\r\n',
    '\t',
    '\u3000',
    '\u00a0',
    '\u2028',
    '12345',
    '٣',
    '…',
    '!?',
    '👨‍👩‍👧',
    '\u0000',
    '\ud800',
    '𝒳',
  ],
]

function randomText(random: Random, length: number): string {
  return Array.from({ length }, () => random.pick(pieces)).join('')
}

test('ids equal those of the library for texts of every kind', () => {
  const random = new Random(seed)
  const library = new LibraryTokenizer({ ...tokenizerJson(), added_tokens: [] }, {})
  for (let run = 0; run < 300; run++) {
    const text = randomText(random, random.below(30))
    expect(tokenizer.encode(text), `seed ${seed}, run ${run}`).toEqual(
      library.encode(text, { add_special_tokens: false }).ids,
    )
  }
})

test('merging with a queue equals merging by searching the lowest rank each time', () => {
  const random = new Random(seed)
  for (let run = 0; run < 300; run++) {
    const merges = new Map<string, Merge>()
    for (let id = 3; id < 3 + random.below(20); id++) {
      const [left, right] = [random.below(id), random.below(id)]
      if (!merges.has(`${left} ${right}`)) merges.set(`${left} ${right}`, { left, right, merged: id })
    }
    const input = Array.from({ length: random.below(40) }, () => random.below(3))
    const tokens = Uint32Array.from(input)
    const count = new TokenMerger(new MergeTable([...merges.values()])).merge(tokens, tokens.length)
    expect([...tokens.subarray(0, count)], `seed ${seed}, run ${run}`).toEqual(
      slowMerge(input, [...merges.values()]),
    )
  }
})

function slowMerge(input: readonly number[], merges: readonly Merge[]): number[] {
  const tokens = [...input]
  const rankAt = (at: number) =>
    merges.findIndex(({ left, right }) => left === tokens[at] && right === tokens[at + 1])
  for (;;) {
    const candidates = tokens.map((_, at) => ({ at, rank: rankAt(at) })).filter(({ rank }) => rank >= 0)
    const best = candidates.toSorted((a, b) => a.rank - b.rank || a.at - b.at)[0]
    if (best === undefined) return tokens
    tokens.splice(best.at, 2, merges[best.rank]?.merged ?? -1)
  }
}

test('encoding within a limit gives up exactly when the text has more tokens', () => {
  const random = new Random(seed)
  for (let run = 0; run < 200; run++) {
    const text = randomText(random, random.below(12))
    const tokens = tokenizer.encode(text)
    const limit = Math.max(0, tokens.length + random.below(5) - 2)
    const expected = tokens.length > limit ? null : tokens
    expect(tokenizer.encodeWithin(text, limit), `seed ${seed}, run ${run}`).toEqual(expected)
  }
})

test('an endless word is cut into bounded pieces, never within a character', () => {
  for (const word of ['a', '合', '𝒳', 'a𝒳', '\n'].map((unit) => unit.repeat(140_000 / unit.length))) {
    expect(textOf(tokenizer.encode(word)) === word).toBe(true)
  }
})

test('the spelling of an added token is text like any other', () => {
  for (const spelling of addedTokens.keys()) {
    const tokens = tokenizer.encode(`a${spelling} ${spelling}${spelling}`)
    expect(tokens.filter((token) => tokenizer.isAdded(token))).toEqual([])
    expect(textOf(tokens)).toBe(`a${spelling} ${spelling}${spelling}`)
  }
})

test('an added token the vocabulary lists too cannot be made from text', () => {
  for (const ignoreMerges of [false, true]) {
    const file = tokenizerJson()
    file.model.ignore_merges = ignoreMerges
    const [listed = -1] = tokenizer.encode('al')
    file.added_tokens.push({ id: listed, content: 'al', special: true })
    const changed = new Tokenizer(tokenizerSchema.parse(file))
    expect(changed.encode('al')).toEqual([...tokenizer.encode('a'), ...tokenizer.encode('l')])
    expect(changed.bytes(listed)).toEqual(new TextEncoder().encode('al'))
  }
})

test('with ignore_merges a piece that is a token stays whole', () => {
  const file = tokenizerJson()
  file.model.vocab['zqj'] = 820
  expect(new Tokenizer(tokenizerSchema.parse(file)).encode('zqj')).not.toEqual([820])
  file.model.ignore_merges = true
  expect(new Tokenizer(tokenizerSchema.parse(file)).encode('zqj')).toEqual([820])
})

test('a damaged tokenizer file is refused by name', () => {
  const unknown = tokenizerJson()
  unknown.model.merges.push(['never', 'seen'])
  expect(() => new Tokenizer(tokenizerSchema.parse(unknown))).toThrow(/tokenizer\.json: model\.merges\[516\]/)
  const byteless = tokenizerJson()
  delete byteless.model.vocab['A']
  expect(() => new Tokenizer(tokenizerSchema.parse(byteless))).toThrow(/byte 65 has no token/)
})

test('ids no vocabulary entry has are empty text', () => {
  for (const token of [-1, 100_000]) expect(tokenizer.bytes(token)).toHaveLength(0)
})

test('a token of half a character shows its exact bytes', () => {
  const [first = -1] = tokenizer.encode('\u{1f9ee}')
  expect(tokenText(tokenizer, first)).toEqual({ token: '\ufffd', bytes: [...tokenizer.bytes(first)] })
  const [letter = -1] = tokenizer.encode('A')
  expect(tokenText(tokenizer, letter)).toEqual({ token: 'A', bytes: [65] })
})
