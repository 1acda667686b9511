import type { Alternative, ArrayPart, NumberPart, ObjectPart, StringPart } from './parts.ts'
import { types } from './schema-node.ts'

/** Equal keys mean equal alternatives; parts of impossible types do not count. */
export function keyOf(alternative: Alternative): string {
  const { types: possible } = alternative
  return [
    possible,
    possible & types.number ? numberKey(alternative.number) : '',
    possible & types.string ? stringKey(alternative.string) : '',
    possible & types.array ? arrayKey(alternative.array) : '',
    possible & types.object ? objectKey(alternative.object) : '',
  ].join(';')
}

export function numberKey(part: NumberPart): string {
  return JSON.stringify([
    part.integer,
    part.min,
    part.max,
    part.multiplesOf,
    part.notMultiplesOf,
    part.values,
  ])
}

export function stringKey(part: StringPart): string {
  return part.values === null ? `${part.min},${part.max},${part.regex.id}` : JSON.stringify(part.values)
}

export function arrayKey(part: ArrayPart): string {
  const prefix = part.prefix.map(({ id }) => id).join(',')
  const contains = part.contains.map(
    ({ obligation, from, min, max }) => `${obligation.id},${from},${min},${max}`,
  )
  return `${prefix}|${part.rest.id}|${part.min}|${part.max}|${part.unique ?? ''}|${contains.join('|')}`
}

export function objectKey(part: ObjectPart): string {
  return JSON.stringify([
    Array.from(part.declared, ([name, { id }]) => [name, id]),
    part.patterns.map(({ regex, obligation }) => [regex.id, obligation.id]),
    part.others.map(({ except, obligation }) => [except, obligation.id]),
    [...part.required],
    part.min,
    String(part.max),
    [...part.needs],
    part.some.map(({ regex, obligation }) => [regex.id, obligation.id]),
  ])
}
