import type { Bound } from '../matchers/number-rule.ts'
import type { Regex } from '../regex/regex.ts'

/** JSON types as bits, for sets of them. */
export const types = { null: 1, true: 2, false: 4, number: 8, string: 16, array: 32, object: 64 } as const
export const allTypes = 127

/** A subschema by its place in the document; references share their target's. */
export interface SchemaNode {
  readonly id: number
  /** JSON pointer as a URI fragment: `#/properties/a`. */
  readonly path: string
  readonly assertions: readonly Assertion[]
}

/** One keyword's (or one family's) condition. A condition on one type says nothing of values of the others. */
export type Assertion =
  | { readonly type: 'types'; readonly types: number; readonly integer: boolean }
  | { readonly type: 'values'; readonly values: readonly unknown[] }
  | { readonly type: 'range'; readonly min: Bound | null; readonly max: Bound | null }
  | { readonly type: 'multipleOf'; readonly divisor: number }
  | { readonly type: 'length'; readonly min: number; readonly max: number }
  | { readonly type: 'pattern'; readonly regex: Regex }
  | { readonly type: 'items'; readonly prefix: readonly SchemaNode[]; readonly rest: SchemaNode | null }
  | { readonly type: 'itemCount'; readonly min: number; readonly max: number }
  | { readonly type: 'contains'; readonly node: SchemaNode; readonly min: number; readonly max: number }
  | { readonly type: 'uniqueItems'; readonly path: string }
  | PropertiesAssertion
  | { readonly type: 'required'; readonly names: readonly string[] }
  | { readonly type: 'propertyCount'; readonly min: number; readonly max: number }
  | { readonly type: 'propertyNames'; readonly node: SchemaNode }
  | { readonly type: 'dependentRequired'; readonly name: string; readonly needs: readonly string[] }
  | { readonly type: 'dependentSchema'; readonly name: string; readonly node: SchemaNode }
  | { readonly type: 'allOf' | 'anyOf' | 'oneOf'; readonly nodes: readonly SchemaNode[] }
  | { readonly type: 'not'; readonly node: SchemaNode }
  | {
      readonly type: 'if'
      readonly condition: SchemaNode
      readonly met: SchemaNode | null
      readonly unmet: SchemaNode | null
    }

export interface PropertiesAssertion {
  readonly type: 'properties'
  readonly names: ReadonlyMap<string, SchemaNode>
  readonly patterns: readonly { readonly regex: Regex; readonly node: SchemaNode }[]
  readonly additional: SchemaNode | null
}

/** The schema asks for something that cannot be enforced, or is no schema. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError'
  readonly keyword: string
  readonly path: string

  constructor(keyword: string, path: string, reason: string) {
    super(`"${keyword}" at ${path}: ${reason}`)
    this.keyword = keyword
    this.path = path
  }
}
