import {
  type Builder,
  ofTypes,
  ofValues,
  onArrays,
  onNumbers,
  onObjects,
  onStrings,
  propertiesPart,
} from './alternatives.ts'
import type { Alternative } from './parts.ts'
import type { Assertion } from './schema-node.ts'

/** Assertions whose alternatives are other schemas'. */
export type Applicator = Extract<
  Assertion,
  { type: 'allOf' | 'anyOf' | 'oneOf' | 'not' | 'if' | 'dependentSchema' }
>

export type Condition = Exclude<Assertion, Applicator>

/** The ways to keep a condition; every value that keeps it takes at least one. */
export function affirm(by: Builder, condition: Condition): Alternative[] {
  switch (condition.type) {
    case 'types': {
      const some = ofTypes(by, condition.types)
      return [condition.integer ? { ...some, number: { ...some.number, integer: true } } : some]
    }
    case 'values':
      return ofValues(by, condition.values)
    case 'range':
      return [onNumbers(by, { min: condition.min, max: condition.max })]
    case 'multipleOf':
      return [onNumbers(by, { multiplesOf: [condition.divisor] })]
    case 'length':
      return [onStrings(by, { min: condition.min, max: condition.max })]
    case 'pattern':
      return [onStrings(by, { regex: condition.regex })]
    case 'items': {
      const rest = condition.rest === null ? by.anything : by.holds(condition.rest)
      return [onArrays(by, { prefix: condition.prefix.map((node) => by.holds(node)), rest })]
    }
    case 'itemCount':
      return [onArrays(by, { min: condition.min, max: condition.max })]
    case 'contains': {
      const { node, min, max } = condition
      const entry = { obligation: by.holds(node), negation: by.fails(node), from: 0, min, max }
      return [onArrays(by, { contains: min === 0 && max === Number.POSITIVE_INFINITY ? [] : [entry] })]
    }
    case 'uniqueItems':
      return [onArrays(by, { unique: condition.path })]
    case 'properties':
      return [onObjects(by, propertiesPart(by, condition))]
    case 'required':
      return [onObjects(by, { required: new Set(condition.names) })]
    case 'propertyCount':
      return [onObjects(by, { min: condition.min, max: condition.max })]
    case 'propertyNames': {
      const forbidden = by.notRegex(by.stringsOf(by.holds(condition.node)))
      return [onObjects(by, { patterns: [{ regex: forbidden, obligation: by.nothing }] })]
    }
    case 'dependentRequired':
      return [onObjects(by, { needs: new Map([[condition.name, condition.needs]]) })]
  }
}

/** Objects that lack a name, and everything that is no object. */
export function lacking(by: Builder, name: string): Alternative {
  return onObjects(by, { declared: new Map([[name, by.nothing]]) })
}
