import type { Regex } from '../regex/regex.ts'
import { isRecord } from './fields.ts'
import type { Alternative, ArrayPart, NumberPart, ObjectPart, Obligation, StringPart } from './parts.ts'
import { type PropertiesAssertion, type SchemaNode, types } from './schema-node.ts'

/** What building alternatives needs of the graph of obligations. */
export interface Builder {
  readonly anything: Obligation
  readonly nothing: Obligation
  readonly anyString: Regex
  readonly any: Alternative
  holds(node: SchemaNode): Obligation
  holdsAll(nodes: readonly SchemaNode[]): Obligation
  fails(node: SchemaNode): Obligation
  constant(value: unknown): Obligation
  literal(texts: readonly string[]): Regex
  notRegex(regex: Regex): Regex
  noneOf(regexes: readonly Regex[]): Regex
  matches(regex: Regex, text: string): boolean
  /** The strings that fulfil an obligation. */
  stringsOf(obligation: Obligation): Regex
}

const unbounded = Number.POSITIVE_INFINITY

export const anyNumber: NumberPart = {
  integer: false,
  min: null,
  max: null,
  multiplesOf: [],
  notMultiplesOf: [],
  values: null,
}

export function anyStringPart(regex: Regex): StringPart {
  return { min: 0, max: unbounded, regex, values: null }
}

export function anyArray(anything: Obligation): ArrayPart {
  return { prefix: [], rest: anything, min: 0, max: unbounded, unique: null, contains: [] }
}

export const anyObject: ObjectPart = {
  declared: new Map(),
  patterns: [],
  others: [],
  required: new Set(),
  min: 0,
  max: unbounded,
  needs: new Map(),
  some: [],
}

/** Values of the given types, without conditions. */
export function ofTypes(by: Builder, bits: number): Alternative {
  return { ...by.any, types: bits }
}

/** A condition on one type lets all others pass. */
export function onNumbers(by: Builder, part: Partial<NumberPart>): Alternative {
  return { ...by.any, number: { ...anyNumber, ...part } }
}

export function onStrings(by: Builder, part: Partial<StringPart>): Alternative {
  return { ...by.any, string: { ...anyStringPart(by.anyString), ...part } }
}

export function onArrays(by: Builder, part: Partial<ArrayPart>): Alternative {
  return { ...by.any, array: { ...anyArray(by.anything), ...part } }
}

export function onObjects(by: Builder, part: Partial<ObjectPart>): Alternative {
  return { ...by.any, object: { ...anyObject, ...part } }
}

/** Narrows to one type: a negated condition on a type is only broken by values of that type. */
export function only(bits: number, alternative: Alternative): Alternative {
  return { ...alternative, types: alternative.types & bits }
}

export function propertiesPart(by: Builder, assertion: PropertiesAssertion): ObjectPart {
  const patterns = assertion.patterns.map(({ regex, node }) => ({ regex, obligation: by.holds(node) }))
  const others =
    assertion.additional === null
      ? []
      : [{ except: patterns.map((_, index) => index), obligation: by.holds(assertion.additional) }]
  const undeclared = { ...anyObject, patterns, others }
  const declared = new Map<string, Obligation>()
  for (const [name, node] of assertion.names) {
    declared.set(name, by.holdsAll([node, ...matching(by, assertion, name)]))
  }
  return { ...undeclared, declared }
}

function matching(by: Builder, { patterns }: PropertiesAssertion, name: string): SchemaNode[] {
  return patterns.filter(({ regex }) => by.matches(regex, name)).map(({ node }) => node)
}

/** The values of an `enum`: scalars together, each array or object as a schema of its own. */
export function ofValues(by: Builder, values: readonly unknown[]): Alternative[] {
  const strings = values.filter((value) => typeof value === 'string')
  const numbers = values.filter((value) => typeof value === 'number')
  const scalars =
    (values.includes(null) ? types.null : 0) |
    (values.includes(true) ? types.true : 0) |
    (values.includes(false) ? types.false : 0) |
    (numbers.length > 0 ? types.number : 0) |
    (strings.length > 0 ? types.string : 0)
  const together: Alternative = {
    ...by.any,
    types: scalars,
    string: { ...by.any.string, values: [...new Set(strings)] },
    number: { ...anyNumber, values: [...new Set(numbers)] },
  }
  const containers = values.flatMap((value) => {
    if (Array.isArray(value)) return [only(types.array, onArrays(by, exactArray(by, value)))]
    return isRecord(value) ? [only(types.object, onObjects(by, exactObject(by, value)))] : []
  })
  return scalars === 0 ? containers : [together, ...containers]
}

function exactArray(by: Builder, value: readonly unknown[]): Partial<ArrayPart> {
  return {
    prefix: value.map((element) => by.constant(element)),
    rest: by.nothing,
    min: value.length,
    max: value.length,
  }
}

function exactObject(by: Builder, value: Record<string, unknown>): Partial<ObjectPart> {
  return {
    declared: new Map(Object.entries(value).map(([name, property]) => [name, by.constant(property)])),
    others: [{ except: [], obligation: by.nothing }],
    required: new Set(Object.keys(value)),
  }
}
