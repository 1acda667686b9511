/** Code points as sorted, disjoint, non-touching inclusive ranges: `[lo, hi, lo, hi, ...]`. */
export type CharSet = readonly number[]

export const maxCodePoint = 0x10ffff

/** What a JSON string of valid UTF-8 can hold: every code point but the surrogates. */
export const anyChar: CharSet = [0, 0xd7ff, 0xe000, maxCodePoint]

export function charSetOf(...ranges: readonly (readonly [number, number])[]): CharSet {
  return intersect(normalise(ranges.map(([lo, hi]) => [lo, hi] as const)), anyChar)
}

export function charsOf(text: string): CharSet {
  return charSetOf(...Array.from(text, (char) => [codePointOf(char), codePointOf(char)] as const))
}

export function union(a: CharSet, b: CharSet): CharSet {
  if (a.length === 0) return b
  if (b.length === 0) return a
  return normalise([...pairs(a), ...pairs(b)])
}

/** Within `anyChar`. */
export function complement(set: CharSet): CharSet {
  const out: number[] = []
  let next = 0
  for (const [lo, hi] of pairs(set)) {
    if (lo > next) out.push(next, lo - 1)
    next = hi + 1
  }
  if (next <= maxCodePoint) out.push(next, maxCodePoint)
  return intersect(out, anyChar)
}

function intersect(a: CharSet, b: CharSet): CharSet {
  const out: number[] = []
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const lo = Math.max(at(a, i), at(b, j))
    const hi = Math.min(at(a, i + 1), at(b, j + 1))
    if (lo <= hi) out.push(lo, hi)
    if (at(a, i + 1) < at(b, j + 1)) i += 2
    else j += 2
  }
  return out
}

export function includes(set: CharSet, codePoint: number): boolean {
  for (let i = 0; i < set.length; i += 2) {
    if (codePoint < at(set, i)) return false
    if (codePoint <= at(set, i + 1)) return true
  }
  return false
}

export function pairs(set: CharSet): (readonly [number, number])[] {
  const out: (readonly [number, number])[] = []
  for (let i = 0; i < set.length; i += 2) out.push([at(set, i), at(set, i + 1)])
  return out
}

export function codePointsOf(text: string): number[] {
  return Array.from(text, codePointOf)
}

function codePointOf(char: string): number {
  return char.codePointAt(0) ?? 0
}

function normalise(ranges: readonly (readonly [number, number])[]): CharSet {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0])
  const out: number[] = []
  for (const [lo, hi] of sorted) {
    const last = out.length - 1
    if (last > 0 && lo <= at(out, last) + 1) out[last] = Math.max(at(out, last), hi)
    else out.push(lo, hi)
  }
  return out
}

function at(list: readonly number[], index: number): number {
  return list[index] ?? 0
}
