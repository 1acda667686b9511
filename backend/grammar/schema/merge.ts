import type { Bound, NumberRule } from '../matchers/number-rule.ts'
import type { Regex } from '../regex/regex.ts'
import type { Alternative, ArrayPart, NumberPart, ObjectPart, Obligation, StringPart } from './parts.ts'
import { types } from './schema-node.ts'

/** What merging needs of the graph of obligations. */
export interface Conjunction {
  and(a: Obligation, b: Obligation): Obligation
  allRegexes(a: Regex, b: Regex): Regex
  matches(regex: Regex, text: string): boolean
  keepsNumber(rule: NumberRule, value: number): boolean
  readonly nothing: Obligation
  readonly anything: Obligation
}

/** What fulfils both; null when nothing can. */
export function mergeAlternatives(by: Conjunction, a: Alternative, b: Alternative): Alternative | null {
  const possible = a.types & b.types
  if (possible === 0) return null
  const number = possible & types.number ? mergeNumbers(by, a.number, b.number) : a.number
  const string = possible & types.string ? mergeStrings(by, a.string, b.string) : a.string
  const array = possible & types.array ? mergeArrays(by, a.array, b.array) : a.array
  const object = possible & types.object ? mergeObjects(by, a.object, b.object) : a.object
  const impossible =
    (isEmptyNumber(number) ? types.number : 0) |
    (isEmptyString(string) ? types.string : 0) |
    (isEmptyArray(by, array) ? types.array : 0) |
    (isEmptyObject(by, object) ? types.object : 0)
  const left = possible & ~impossible
  return left === 0 ? null : { types: left, number, string, array, object }
}

function mergeNumbers(by: Conjunction, a: NumberPart, b: NumberPart): NumberPart {
  const merged = {
    integer: a.integer || b.integer,
    min: tighter(a.min, b.min, 1),
    max: tighter(a.max, b.max, -1),
    multiplesOf: distinct(a.multiplesOf, b.multiplesOf),
    notMultiplesOf: distinct(a.notMultiplesOf, b.notMultiplesOf),
  }
  const candidates = common(a.values, b.values)
  const rule = { ...merged, canonical: false }
  return { ...merged, values: candidates?.filter((value) => by.keepsNumber(rule, value)) ?? null }
}

function mergeStrings(by: Conjunction, a: StringPart, b: StringPart): StringPart {
  const min = Math.max(a.min, b.min)
  const max = Math.min(a.max, b.max)
  const regex = by.allRegexes(a.regex, b.regex)
  const values = common(a.values, b.values)?.filter((value) => {
    const length = Array.from(value).length
    return length >= min && length <= max && by.matches(regex, value)
  })
  return { min, max, regex, values: values ?? null }
}

function mergeArrays(by: Conjunction, a: ArrayPart, b: ArrayPart): ArrayPart {
  const length = Math.max(a.prefix.length, b.prefix.length)
  const prefix = Array.from({ length }, (_, index) =>
    by.and(a.prefix[index] ?? a.rest, b.prefix[index] ?? b.rest),
  )
  const max = Math.min(a.max, b.max)
  // from the first impossible position on there are no elements
  const end = prefix.indexOf(by.nothing)
  const rest = by.and(a.rest, b.rest)
  const longest = end !== -1 ? end : rest === by.nothing ? length : Number.POSITIVE_INFINITY
  return {
    prefix: prefix.slice(0, Math.min(longest, max)),
    rest,
    min: Math.max(a.min, b.min),
    max: Math.min(max, longest),
    unique: a.unique ?? b.unique,
    contains: [...new Set([...a.contains, ...b.contains])],
  }
}

function mergeObjects(by: Conjunction, a: ObjectPart, b: ObjectPart): ObjectPart {
  const names = new Set([...a.declared.keys(), ...b.declared.keys()])
  const shift = a.patterns.length
  const needs = new Map(a.needs)
  for (const [name, others] of b.needs) needs.set(name, distinct(needs.get(name) ?? [], others))
  return {
    declared: new Map(
      Array.from(names, (name) => [name, by.and(obligationOf(by, a, name), obligationOf(by, b, name))]),
    ),
    patterns: [...a.patterns, ...b.patterns],
    others: [
      ...a.others,
      ...b.others.map(({ except, obligation }) => ({
        except: except.map((index) => index + shift),
        obligation,
      })),
    ],
    required: new Set([...a.required, ...b.required]),
    min: Math.max(a.min, b.min),
    max: Math.min(a.max, b.max),
    needs,
    some: [...a.some, ...b.some],
  }
}

/** All that an object's conditions say of the value under `name`. */
export function obligationOf(by: Conjunction, part: ObjectPart, name: string): Obligation {
  const declared = part.declared.get(name)
  if (declared !== undefined) return declared
  const matched = part.patterns.map(({ regex }) => by.matches(regex, name))
  return classObligation(by, part, matched)
}

/** Likewise for any undeclared name, by which patterns it matches. */
export function classObligation(by: Conjunction, part: ObjectPart, matched: readonly boolean[]): Obligation {
  let all = by.anything
  part.patterns.forEach(({ obligation }, index) => {
    if (matched[index] === true) all = by.and(all, obligation)
  })
  for (const { except, obligation } of part.others) {
    if (!except.some((index) => matched[index] === true)) all = by.and(all, obligation)
  }
  return all
}

function isEmptyNumber({ values, min, max }: NumberPart): boolean {
  if (values !== null) return values.length === 0
  if (min === null || max === null) return false
  return min.value > max.value || (min.value === max.value && (min.exclusive || max.exclusive))
}

function isEmptyString({ values, min, max, regex }: StringPart): boolean {
  return values?.length === 0 || min > max || regex.type === 'nothing'
}

function isEmptyArray(by: Conjunction, { min, max, prefix, rest, contains }: ArrayPart): boolean {
  if (min > max || contains.some((entry) => entry.min > entry.max)) return true
  return prefix.slice(0, min).includes(by.nothing) || (min > prefix.length && rest === by.nothing)
}

function isEmptyObject(by: Conjunction, part: ObjectPart): boolean {
  if (part.min > part.max || part.required.size > part.max) return true
  for (const name of part.required) {
    if (obligationOf(by, part, name) === by.nothing) return true
  }
  return false
}

function tighter(a: Bound | null, b: Bound | null, inwards: 1 | -1): Bound | null {
  if (a === null || b === null) return a ?? b
  if (a.value === b.value) return a.exclusive ? a : b
  return (a.value - b.value) * inwards > 0 ? a : b
}

function common<T>(a: readonly T[] | null, b: readonly T[] | null): readonly T[] | null {
  if (a === null || b === null) return a ?? b
  const other = new Set(b)
  return a.filter((value) => other.has(value))
}

function distinct<T>(a: readonly T[], b: readonly T[]): readonly T[] {
  return a.length === 0 ? b : b.length === 0 ? a : [...new Set([...a, ...b])]
}
