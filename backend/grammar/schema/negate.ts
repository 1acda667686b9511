import type { Condition } from './affirm.ts'
import { lacking } from './affirm.ts'
import {
  anyNumber,
  type Builder,
  ofTypes,
  onArrays,
  only,
  onNumbers,
  onObjects,
  onStrings,
} from './alternatives.ts'
import type { Alternative } from './parts.ts'
import { allTypes, type PropertiesAssertion, types } from './schema-node.ts'

/** Says why a condition's opposite cannot be enforced. */
export class NegationError extends Error {
  override readonly name = 'NegationError'
}

/**
 * The ways to break a condition.
 * @throws NegationError
 */
export function negate(by: Builder, condition: Condition): Alternative[] {
  switch (condition.type) {
    case 'types': {
      const others = ofTypes(by, allTypes & ~condition.types)
      const fraction = only(types.number, onNumbers(by, { notMultiplesOf: [1] }))
      return condition.integer ? [others, fraction] : [others]
    }
    case 'values':
      return negateValues(by, condition.values)
    case 'range':
      return [
        ...(condition.min === null ? [] : [{ max: opposite(condition.min) }]),
        ...(condition.max === null ? [] : [{ min: opposite(condition.max) }]),
      ].map((part) => only(types.number, onNumbers(by, part)))
    case 'multipleOf':
      return [only(types.number, onNumbers(by, { notMultiplesOf: [condition.divisor] }))]
    case 'length':
      return outside(condition).map((part) => only(types.string, onStrings(by, part)))
    case 'pattern':
      return [only(types.string, onStrings(by, { regex: by.notRegex(condition.regex) }))]
    case 'items':
      return negateItems(by, condition)
    case 'itemCount':
      return outside(condition).map((part) => only(types.array, onArrays(by, part)))
    case 'contains': {
      const entry = { obligation: by.holds(condition.node), negation: by.fails(condition.node), from: 0 }
      return outside(condition).map((part) =>
        only(types.array, onArrays(by, { contains: [{ ...entry, ...part }] })),
      )
    }
    case 'uniqueItems':
      throw new NegationError('the opposite of "uniqueItems" cannot be enforced')
    case 'properties':
      return negateProperties(by, condition)
    case 'required':
      return condition.names.map((name) => only(types.object, lacking(by, name)))
    case 'propertyCount':
      return outside(condition).map((part) => only(types.object, onObjects(by, part)))
    case 'propertyNames': {
      const regex = by.notRegex(by.stringsOf(by.holds(condition.node)))
      return [only(types.object, onObjects(by, { some: [{ regex, obligation: by.anything }] }))]
    }
    case 'dependentRequired':
      return condition.needs.map((name) =>
        only(
          types.object,
          onObjects(by, { required: new Set([condition.name]), declared: new Map([[name, by.nothing]]) }),
        ),
      )
  }
}

function negateValues(by: Builder, values: readonly unknown[]): Alternative[] {
  if (values.some((value) => typeof value === 'object' && value !== null)) {
    throw new NegationError('arrays and objects in "enum" or "const" cannot be excluded')
  }
  const strings = values.filter((value) => typeof value === 'string')
  const numbers = values.filter((value) => typeof value === 'number').sort((a, b) => a - b)
  const gone = values.reduce<number>((bits, value) => {
    if (value === null) return bits | types.null
    return typeof value === 'boolean' ? bits | (value ? types.true : types.false) : bits
  }, 0)
  const rest: Alternative = {
    ...by.any,
    types: allTypes & ~gone & ~(numbers.length > 0 ? types.number : 0),
    string: {
      ...by.any.string,
      regex: strings.length === 0 ? by.anyString : by.notRegex(by.literal(strings)),
    },
  }
  // between, below and above the excluded numbers
  const gaps =
    numbers.length === 0
      ? []
      : [...numbers, null].map((value, index) => {
          const below = numbers[index - 1]
          const min = below === undefined ? null : { value: below, exclusive: true }
          const max = value === null ? null : { value, exclusive: true }
          return only(types.number, { ...by.any, number: { ...anyNumber, min, max } })
        })
  return [rest, ...gaps]
}

function negateItems(by: Builder, { prefix, rest }: Extract<Condition, { type: 'items' }>): Alternative[] {
  const out = prefix.map((node, index) => {
    const before = prefix.slice(0, index).map(() => by.anything)
    return onArrays(by, { prefix: [...before, by.fails(node)], min: index + 1 })
  })
  if (rest !== null) {
    const entry = { obligation: by.fails(rest), negation: by.holds(rest), from: prefix.length, min: 1 }
    out.push(onArrays(by, { contains: [{ ...entry, max: Number.POSITIVE_INFINITY }] }))
  }
  return out.map((alternative) => only(types.array, alternative))
}

function negateProperties(by: Builder, { names, patterns, additional }: PropertiesAssertion): Alternative[] {
  const out = Array.from(names, ([name, node]) =>
    onObjects(by, { declared: new Map([[name, by.fails(node)]]), required: new Set([name]) }),
  )
  for (const { regex, node } of patterns)
    out.push(onObjects(by, { some: [{ regex, obligation: by.fails(node) }] }))
  if (additional !== null) {
    const spokenOf = [by.literal([...names.keys()]), ...patterns.map(({ regex }) => regex)]
    out.push(onObjects(by, { some: [{ regex: by.noneOf(spokenOf), obligation: by.fails(additional) }] }))
  }
  return out.map((alternative) => only(types.object, alternative))
}

function opposite(bound: { readonly value: number; readonly exclusive: boolean }) {
  return { value: bound.value, exclusive: !bound.exclusive }
}

function outside({ min, max }: { readonly min: number; readonly max: number }) {
  const below = min > 0 ? [{ min: 0, max: min - 1 }] : []
  const above = max < Number.POSITIVE_INFINITY ? [{ min: max + 1, max: Number.POSITIVE_INFINITY }] : []
  return [...below, ...above]
}
