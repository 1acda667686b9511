import { type Conjunction, obligationOf } from './merge.ts'
import type { Alternative, ObjectPart } from './parts.ts'
import { types } from './schema-node.ts'

/**
 * "Some name that matches has such a value" becomes a choice: one of the declared names, each an alternative of its
 * own that no longer says `some`, or an undeclared name, for which the condition is kept.
 */
export function splitSome(by: Conjunction, alternative: Alternative): readonly Alternative[] {
  if (!(alternative.types & types.object) || alternative.object.some.length === 0) return [alternative]
  const elsewhere = alternative.types & ~types.object
  const others = elsewhere === 0 ? [] : [{ ...alternative, types: elsewhere }]
  const objects = splitObject(by, alternative.object).map((object) => ({
    ...alternative,
    types: types.object,
    object,
  }))
  return [...others, ...objects]
}

function splitObject(by: Conjunction, part: ObjectPart): readonly ObjectPart[] {
  const [condition, ...rest] = part.some
  if (condition === undefined) return [part]
  const without = { ...part, some: rest }
  const names = new Set([...part.declared.keys(), ...part.required])
  const candidates = Array.from(names)
    .filter((name) => by.matches(condition.regex, name))
    .map((name) => ({ name, before: obligationOf(by, part, name) }))
    .map((entry) => ({ ...entry, after: by.and(entry.before, condition.obligation) }))
    .filter(({ after }) => after !== by.nothing)
  const certain = candidates.some(({ name, before, after }) => before === after && part.required.has(name))
  if (certain) return splitObject(by, without)
  const out = candidates.flatMap(({ name, after }) => {
    const declared = new Map(part.declared).set(name, after)
    return splitObject(by, { ...without, declared, required: new Set([...part.required, name]) })
  })
  if (isClosed(by, part)) return out
  return [
    ...out,
    ...splitObject(by, without).map((split) => ({ ...split, some: [condition, ...split.some] })),
  ]
}

/** Whether no undeclared name can have a value at all. */
function isClosed(by: Conjunction, { patterns, others }: ObjectPart): boolean {
  return patterns.length === 0 && others.some(({ obligation }) => obligation === by.nothing)
}
