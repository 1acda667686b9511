import type { ValueState } from './value-state.ts'

/** The innermost open container (or the text's top), as all readings share it. */
export interface Frame {
  readonly id: number
  readonly type: 'top' | 'array' | 'object'
  /** Containers around a value in here. */
  readonly depth: number
  /** Where the container was opened; null at the top. */
  readonly outer: ValueState | null
  /** Undeclared keys, or scalar elements, that are there already, where they must not come again. */
  readonly texts: readonly string[]
}

/** Deeper than this, only what is required opens another container: other programs' parsers recurse. */
const maxDepth = 100

export function isDeep(frame: Frame): boolean {
  return frame.depth >= maxDepth
}

export const topFrame: Frame = { id: 0, type: 'top', depth: 0, outer: null, texts: [] }
