import { expect, test } from 'vitest'
import { compileGrammar } from '../../../backend/grammar/grammar.ts'
import type { State } from '../../../backend/grammar/machine/state.ts'
import { follow } from './texts.ts'

/** Longer than the states that one text may lead through without being renewed. */
const length = 210_000

test('a text may be longer than a grammar has room for states, and length and pattern still hold at its end', () => {
  const grammar = compileGrammar({ type: 'string', pattern: '^(?:[ab]c)*$', maxLength: length })
  let state: State | null = follow(grammar.start(), '"')
  for (let index = 0; index < length; index++) {
    state = state?.step(index % 2 === 0 ? 0x61 : 0x63) ?? null
    if (state !== null) state = grammar.renew(state)
  }
  expect(state).not.toBeNull()
  if (state === null) return
  expect(follow(state, 'a')).toBeNull()
  expect(follow(state, '"')?.mayEnd).toBe(true)
})

test('a renewed place allows what it allowed', () => {
  const grammar = compileGrammar({ type: 'string', pattern: '^a+b?$', maxLength: 60_000 })
  const state: State | null = follow(grammar.start(), `"${'a'.repeat(55_000)}`)
  expect(state).not.toBeNull()
  if (state === null) return
  const renewed = grammar.renew(state)
  expect(renewed).not.toBe(state)
  for (const rest of ['"', 'b"', 'ab"', 'ba', 'c', `${'a'.repeat(5_000)}"`, 'a'.repeat(5_001)]) {
    expect(follow(renewed, rest)?.mayEnd, rest.slice(0, 9)).toBe(follow(state, rest)?.mayEnd)
  }
})
