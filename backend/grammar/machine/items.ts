import type { ArrayProgress, ArrayRule } from './array-rule.ts'
import type { ObjectProgress, ObjectRule } from './object-rule.ts'
import type { Shape } from './shape.ts'

/**
 * One reading of the innermost open container. `origins` are the readings of the container around it that led here,
 * as indexes into the dues of the state that opened it: a nested word automaton's stack, shared by all readings.
 */
export type Item = ArrayItem | ObjectItem

export interface ArrayItem {
  readonly type: 'array'
  readonly rule: ArrayRule
  readonly progress: ArrayProgress
  readonly origins: readonly number[]
}

export interface ObjectItem {
  readonly type: 'object'
  readonly rule: ObjectRule
  readonly progress: ObjectProgress
  readonly origins: readonly number[]
}

/** A value that is due, and the reading that goes on once it is there; null at the top. */
export interface Due {
  readonly shape: Shape
  readonly next: Item | null
}

/** Readings that came to the same point are one, whatever led there. */
export function mergeItems<T extends Item>(items: readonly T[]): readonly T[] {
  const merged = new Map<string, T>()
  for (const item of items) {
    const key = pointKey(item)
    const known = merged.get(key)
    merged.set(
      key,
      known === undefined ? item : { ...known, origins: mergeOrigins(known.origins, item.origins) },
    )
  }
  return [...merged.values()]
}

export function mergeDues(dues: readonly Due[]): readonly Due[] {
  const merged = new Map<string, Due>()
  for (const due of dues) {
    const key = due.next === null ? `${due.shape.id}` : `${due.shape.id}/${pointKey(due.next)}`
    const known = merged.get(key)
    const both = known?.next && due.next ? mergeOrigins(known.next.origins, due.next.origins) : null
    merged.set(
      key,
      both === null || due.next === null ? due : { ...due, next: { ...due.next, origins: both } },
    )
  }
  return [...merged.values()]
}

export function itemKey(item: Item): string {
  return `${pointKey(item)}<${item.origins}`
}

export function dueKey({ shape, next }: Due): string {
  return next === null ? `${shape.id}` : `${shape.id}/${itemKey(next)}`
}

function pointKey(item: Item): string {
  if (item.type === 'array') return `a${item.rule.id}:${item.progress.length}:${item.progress.found}`
  const { seen, count, found } = item.progress
  return `o${item.rule.id}:${seen.toString(36)}:${count}:${found}`
}

function mergeOrigins(a: readonly number[], b: readonly number[]): readonly number[] {
  return a === b ? a : [...new Set([...a, ...b])].sort((x, y) => x - y)
}
