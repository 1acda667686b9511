import { compileGrammar } from '../../../backend/grammar/grammar.ts'
import type { State } from '../../../backend/grammar/machine/state.ts'

/** Where the grammar stands after `text`; null: no text it allows begins like this. */
export function follow(start: State, text: string): State | null {
  let state: State | null = start
  for (const byte of Buffer.from(text)) state = state?.step(byte) ?? null
  return state
}

/** Whether a schema's grammar takes `text` from beginning to end. */
export function takes(schema: unknown, text: string): boolean {
  return follow(compileGrammar(schema).start(), text)?.mayEnd ?? false
}

/** Which of the values, as compact JSON, a schema's grammar takes. */
export function taken(schema: unknown, values: readonly unknown[]): unknown[] {
  const start = compileGrammar(schema).start()
  return values.filter((value) => follow(start, JSON.stringify(value))?.mayEnd ?? false)
}
