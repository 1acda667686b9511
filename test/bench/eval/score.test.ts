import { expect, test } from 'vitest'
import { editDistance, normalise, score } from '../../../bench/eval/score.ts'

test('white space is counted as a reader counts it', () => {
  expect(normalise('  a \t b \r\n c  ')).toBe('a b\nc')
  expect(normalise('a\nb')).not.toBe(normalise('a b'))
})

test('edit distance is zero for equal texts and the length against nothing', () => {
  expect(editDistance('合计 12.50', '合计 12.50')).toBe(0)
  expect(editDistance('', 'abc')).toBe(3)
  expect(editDistance('abc', '')).toBe(3)
})

test('edit distance counts substitutions, insertions and deletions once each', () => {
  expect(editDistance('kitten', 'sitting')).toBe(3)
  expect(editDistance('12.50', '12.5')).toBe(1)
})

test('a character outside the basic plane is one edit', () => {
  expect(editDistance('𠮷', '吉')).toBe(1)
})

test('an answer that differs in white space alone is exact', () => {
  const [text] = score([{ task: 'text', expected: 'Total  5', got: ' Total 5\n' }])
  expect(text).toMatchObject({ task: 'text', cases: 1, exact: 1, characterErrorRate: 0, items: null })
})

test('amounts are also counted line by line, in their place', () => {
  const [amounts] = score([
    { task: 'amounts', expected: '1.00\n2.00\n3.00', got: '1.00\n2.50\n3.00' },
    { task: 'amounts', expected: '4.00', got: '4.00' },
  ])
  expect(amounts).toMatchObject({ exact: 0.5, items: 0.75 })
})

test('a missing line moves the lines after it out of their place', () => {
  expect(score([{ task: 'amounts', expected: '1\n2\n3', got: '1\n3' }])[0]?.items).toBeCloseTo(1 / 3)
})

test('the last score is over all tasks', () => {
  const all = score([
    { task: 'total', expected: '9', got: '9' },
    { task: 'text', expected: 'ab', got: 'ac' },
  ]).at(-1)
  expect(all).toMatchObject({ task: 'all', cases: 2, exact: 0.5 })
  expect(all?.characterErrorRate).toBeCloseTo(1 / 3)
})

test('an empty suite scores zero rather than NaN', () => {
  expect(score([])).toEqual([{ task: 'all', cases: 0, exact: 0, characterErrorRate: 0, items: null }])
})
