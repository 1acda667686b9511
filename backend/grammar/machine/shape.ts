import type { Matcher } from '../matchers/matcher.ts'
import type { ArrayRule } from './array-rule.ts'
import type { ObjectRule } from './object-rule.ts'

/** The values that fulfil an obligation, by type: what may be written where one is due. */
export interface Shape {
  readonly id: number
  /** Which of null, true and false, as type bits. */
  readonly words: number
  readonly numbers: readonly Matcher[]
  readonly strings: readonly Matcher[]
  readonly arrays: readonly ArrayRule[]
  readonly objects: readonly ObjectRule[]
  /** Containers that the flattest value nests; Infinity: there is no value at all. */
  readonly height: number
}

/** Whether a value can be written here: beyond the depth limit only scalars start, unless one is required. */
export function isUsable(shape: Shape, flatOnly: boolean): boolean {
  return flatOnly ? shape.height === 0 : Number.isFinite(shape.height)
}
