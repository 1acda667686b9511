import { expect, test } from 'vitest'
import { parseDataUri } from '../../shared/data-uri.ts'
import { Random, testSeed } from '../support/random.ts'

const seed = testSeed()
const large = 1_000_000

test.each(['png', 'jpeg', 'jpg', 'webp', 'gif', 'svg+xml', 'x-icon', '*', 'vnd.ms-photo'])(
  'the label image/%s is taken whatever the bytes are',
  (label) => {
    expect(parseDataUri(`data:image/${label};base64,iVBORw==`, large)).toEqual({
      type: 'image',
      base64: 'iVBORw==',
      size: 4,
    })
  },
)

test('the prefix may be in capitals', () => {
  expect(parseDataUri('DATA:IMAGE/PNG;BASE64,iVBORw==', large).type).toBe('image')
})

test.each([
  ['no prefix', 'iVBORw=='],
  ['no label', 'data:;base64,iVBORw=='],
  ['another kind of label', 'data:text/html;base64,iVBORw=='],
  ['no base64', 'data:image/png,abc'],
  ['a parameter', 'data:image/png;charset=utf-8;base64,iVBORw=='],
  ['two labels', 'data:image/png,image/jpeg;base64,iVBORw=='],
  ['a space before', ' data:image/png;base64,iVBORw=='],
  ['a space in the prefix', 'data:image/png; base64,iVBORw=='],
  ['nothing after the comma', 'data:image/png;base64,'],
  ['a space inside', 'data:image/png;base64,iVBO Rw=='],
  ['a line break inside', 'data:image/png;base64,iVBO\r\nRw=='],
  ['a line break at the end', 'data:image/png;base64,iVBORw==\n'],
  ['the URL-safe alphabet', 'data:image/png;base64,iVB-Rw=='],
  ['percent-encoding', 'data:image/png;base64,iVBORw%3D%3D'],
  ['no padding', 'data:image/png;base64,iVBORw'],
  ['too little padding', 'data:image/png;base64,iVBORw='],
  ['too much padding', 'data:image/png;base64,iVBOR==='],
  ['padding inside', 'data:image/png;base64,iV==BORw'],
  ['padding alone', 'data:image/png;base64,===='],
  ['bits behind the last byte', 'data:image/png;base64,iVBORx=='],
  ['bits behind the last two bytes', 'data:image/png;base64,iVBORwF='],
  ['a character beyond ASCII', 'data:image/png;base64,iVBÖRw=='],
  ['a full-width letter', 'data:image/png;base64,iVBＲRw=='],
])('%s is refused', (_what, text) => {
  expect(parseDataUri(text, large).type).toBe('invalid')
})

test('a picture over the limit is refused by its length, before its alphabet is looked at', () => {
  const text = `data:image/png;base64,${'!'.repeat(4000)}`
  expect(parseDataUri(text, 2999)).toEqual({ type: 'too_large', size: 3000 })
  expect(parseDataUri(text, 3000).type).toBe('invalid')
})

test(`what is taken decodes to the size given and back to the same text (seed ${seed})`, () => {
  const random = new Random(seed)
  for (let i = 0; i < 500; i++) {
    const bytes = Buffer.from(Array.from({ length: 1 + random.below(50) }, () => random.below(256)))
    const base64 = bytes.toString('base64')
    expect(parseDataUri(`data:image/png;base64,${base64}`, large)).toEqual({
      type: 'image',
      base64,
      size: bytes.length,
    })

    const at = random.below(base64.length)
    const changed = base64.slice(0, at) + String.fromCharCode(random.below(300)) + base64.slice(at + 1)
    const parsed = parseDataUri(`data:image/png;base64,${changed}`, large)
    if (parsed.type !== 'image') continue
    const decoded = Buffer.from(parsed.base64, 'base64')
    expect(decoded.length).toBe(parsed.size)
    expect(decoded.toString('base64')).toBe(changed)
  }
})
