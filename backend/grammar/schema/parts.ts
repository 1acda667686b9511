import type { Bound } from '../matchers/number-rule.ts'
import type { Regex } from '../regex/regex.ts'

/** Subschemas that must all hold, or must not: the condition on one value of the document. */
export interface Obligation {
  /** Equal obligations are the same object. */
  readonly id: number
  /** Node ids in order; negative: the node must not hold. Empty: anything goes. */
  readonly nodes: readonly number[]
}

/** One way to fulfil an obligation, without any further choice: per JSON type, what values of that type must be. */
export interface Alternative {
  /** The types still possible, as bits. */
  readonly types: number
  readonly number: NumberPart
  readonly string: StringPart
  readonly array: ArrayPart
  readonly object: ObjectPart
}

export interface NumberPart {
  readonly integer: boolean
  readonly min: Bound | null
  readonly max: Bound | null
  readonly multiplesOf: readonly number[]
  readonly notMultiplesOf: readonly number[]
  /** Where given, the only ones possible: they keep all of the other conditions. */
  readonly values: readonly number[] | null
}

export interface StringPart {
  readonly min: number
  readonly max: number
  readonly regex: Regex
  /** Where given, the only ones possible: they keep all of the other conditions. */
  readonly values: readonly string[] | null
}

export interface ArrayPart {
  readonly prefix: readonly Obligation[]
  readonly rest: Obligation
  readonly min: number
  readonly max: number
  /** Where "uniqueItems" stands; null: elements may repeat. */
  readonly unique: string | null
  readonly contains: readonly Contains[]
}

/** `min` to `max` of the elements from index `from` on fulfil `obligation`; the others fulfil `negation`. */
export interface Contains {
  readonly obligation: Obligation
  readonly negation: Obligation
  readonly from: number
  readonly min: number
  readonly max: number
}

export interface ObjectPart {
  /** Names spoken of, each with all that holds for its value: patterns and `others` included. */
  readonly declared: ReadonlyMap<string, Obligation>
  /** Hold for every name that matches. */
  readonly patterns: readonly { readonly regex: Regex; readonly obligation: Obligation }[]
  /** Hold for undeclared names that match none of the patterns with these indexes. */
  readonly others: readonly { readonly except: readonly number[]; readonly obligation: Obligation }[]
  readonly required: ReadonlySet<string>
  readonly min: number
  readonly max: number
  /** A name's presence requires others. */
  readonly needs: ReadonlyMap<string, readonly string[]>
  /** For each, some name that matches has a value that fulfils the obligation. */
  readonly some: readonly { readonly regex: Regex; readonly obligation: Obligation }[]
}
