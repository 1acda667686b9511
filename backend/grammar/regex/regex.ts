import { anyChar, type CharSet, includes, union } from './char-set.ts'

/**
 * A regular expression over code points, closed under intersection and complement. Hash-consed: two expressions
 * built by one `RegexFactory` that normalise alike are the same object. Matching is by Brzozowski derivatives
 * (J. A. Brzozowski, "Derivatives of Regular Expressions", 1964; Owens et al., "re-examined", 2009).
 */
export type Regex = RegexShape & {
  readonly id: number
  /** Whether it matches the empty string. */
  readonly nullable: boolean
  /** Without `and` and `not`, an expression is empty only when it is `nothing`. */
  readonly positive: boolean
}

type RegexShape =
  | { readonly type: 'nothing' }
  | { readonly type: 'empty' }
  | { readonly type: 'chars'; readonly set: CharSet }
  | { readonly type: 'cat'; readonly head: Regex; readonly tail: Regex }
  | { readonly type: 'or'; readonly parts: readonly Regex[] }
  | { readonly type: 'and'; readonly parts: readonly Regex[] }
  | { readonly type: 'not'; readonly body: Regex }
  | { readonly type: 'loop'; readonly body: Regex; readonly min: number; readonly max: number }

export class RegexFactory {
  readonly #interned = new Map<string, Regex>()
  readonly #derivatives = new Map<string, Regex>()
  readonly nothing = this.#intern('0', { type: 'nothing' }, false, true)
  readonly empty = this.#intern('e', { type: 'empty' }, true, true)
  readonly anyChar = this.chars(anyChar)
  readonly anything = this.loop(this.anyChar, 0, Number.POSITIVE_INFINITY)

  chars(set: CharSet): Regex {
    if (set.length === 0) return this.nothing
    return this.#intern(`c${set.join(',')}`, { type: 'chars', set }, false, true)
  }

  literal(codePoints: readonly number[]): Regex {
    let out = this.empty
    for (let i = codePoints.length - 1; i >= 0; i--) {
      const codePoint = codePoints[i] ?? 0
      out = this.cat(this.chars([codePoint, codePoint]), out)
    }
    return out
  }

  cat(head: Regex, tail: Regex): Regex {
    if (head === this.nothing || tail === this.nothing) return this.nothing
    if (head === this.empty) return tail
    if (tail === this.empty) return head
    if (head.type === 'cat') return this.cat(head.head, this.cat(head.tail, tail))
    if (head === this.anything && tail === this.anything) return head
    const nullable = head.nullable && tail.nullable
    return this.#intern(
      `.${head.id},${tail.id}`,
      { type: 'cat', head, tail },
      nullable,
      head.positive && tail.positive,
    )
  }

  or(options: readonly Regex[]): Regex {
    let chars: CharSet = []
    const parts = new Set<Regex>()
    for (const option of options.flatMap((option) => (option.type === 'or' ? option.parts : [option]))) {
      if (option.type === 'chars') chars = union(chars, option.set)
      else if (option === this.anything) return option
      else if (option !== this.nothing) parts.add(option)
    }
    if (chars.length > 0) parts.add(this.chars(chars))
    const sorted = [...parts].sort(byId)
    const first = sorted[0]
    if (first === undefined) return this.nothing
    if (sorted.length === 1) return first
    const nullable = sorted.some((part) => part.nullable)
    const positive = sorted.every((part) => part.positive)
    return this.#intern(
      `|${sorted.map((part) => part.id).join(',')}`,
      { type: 'or', parts: sorted },
      nullable,
      positive,
    )
  }

  and(conditions: readonly Regex[]): Regex {
    const parts = new Set<Regex>()
    for (const part of conditions.flatMap((part) => (part.type === 'and' ? part.parts : [part]))) {
      if (part === this.nothing) return part
      if (part !== this.anything) parts.add(part)
    }
    const sorted = [...parts].sort(byId)
    const first = sorted[0]
    if (first === undefined) return this.anything
    if (sorted.length === 1) return first
    const nullable = sorted.every((part) => part.nullable)
    return this.#intern(
      `&${sorted.map((part) => part.id).join(',')}`,
      { type: 'and', parts: sorted },
      nullable,
      false,
    )
  }

  not(body: Regex): Regex {
    if (body.type === 'not') return body.body
    if (body === this.nothing) return this.anything
    if (body === this.anything) return this.nothing
    return this.#intern(`!${body.id}`, { type: 'not', body }, !body.nullable, false)
  }

  loop(body: Regex, min: number, max: number): Regex {
    if (max === 0 || body === this.empty) return this.empty
    if (body === this.nothing) return min === 0 ? this.empty : this.nothing
    if (min === 1 && max === 1) return body
    // (r*)* is r*; a nullable body makes the lower bound void
    if (body.type === 'loop' && body.min === 0 && body.max === Number.POSITIVE_INFINITY) return body
    const least = body.nullable ? 0 : min
    return this.#intern(
      `*${body.id},${least},${max}`,
      { type: 'loop', body, min: least, max },
      least === 0,
      body.positive,
    )
  }

  /** What may follow `char`. */
  derive(regex: Regex, char: number): Regex {
    switch (regex.type) {
      case 'nothing':
      case 'empty':
        return this.nothing
      case 'chars':
        return includes(regex.set, char) ? this.empty : this.nothing
    }
    const key = `${regex.id},${char}`
    const known = this.#derivatives.get(key)
    if (known !== undefined) return known
    const derived = this.#derive(regex, char)
    this.#derivatives.set(key, derived)
    return derived
  }

  #derive(regex: Exclude<Regex, { type: 'nothing' | 'empty' | 'chars' }>, char: number): Regex {
    switch (regex.type) {
      case 'cat': {
        const through = this.cat(this.derive(regex.head, char), regex.tail)
        return regex.head.nullable ? this.or([through, this.derive(regex.tail, char)]) : through
      }
      case 'or':
        return this.or(regex.parts.map((part) => this.derive(part, char)))
      case 'and':
        return this.and(regex.parts.map((part) => this.derive(part, char)))
      case 'not':
        return this.not(this.derive(regex.body, char))
      case 'loop': {
        const rest = this.loop(regex.body, Math.max(0, regex.min - 1), regex.max - 1)
        return this.cat(this.derive(regex.body, char), rest)
      }
    }
  }

  #intern(key: string, shape: RegexShape, nullable: boolean, positive: boolean): Regex {
    const known = this.#interned.get(key)
    if (known !== undefined) return known
    const regex: Regex = { ...shape, id: this.#interned.size, nullable, positive }
    this.#interned.set(key, regex)
    return regex
  }
}

function byId(a: Regex, b: Regex): number {
  return a.id - b.id
}
