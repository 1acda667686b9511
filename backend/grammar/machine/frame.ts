import type { ValueState } from './value-state.ts'

/** The innermost open container (or the text's top), as all readings share it. */
export interface Frame {
  readonly key: string
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

export const topFrame: Frame = { key: 't', type: 'top', depth: 0, outer: null, texts: [] }

export function openFrame(type: 'array' | 'object', outer: ValueState): Frame {
  return {
    key: `${type === 'array' ? '[' : '{'}${outer.id}`,
    type,
    depth: outer.frame.depth + 1,
    outer,
    texts: [],
  }
}

export function withText(frame: Frame, text: string): Frame {
  return { ...frame, key: `${frame.key}+${JSON.stringify(text)}`, texts: [...frame.texts, text] }
}
