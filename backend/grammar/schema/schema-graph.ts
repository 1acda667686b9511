import { grammarTooLarge } from '../limits.ts'
import { decimalOf } from '../matchers/decimal.ts'
import { acceptsRest } from '../matchers/excluding-matcher.ts'
import { NumberMatcher } from '../matchers/number-matcher.ts'
import type { NumberRule } from '../matchers/number-rule.ts'
import { codePointsOf } from '../regex/char-set.ts'
import { Dfa } from '../regex/dfa.ts'
import { type Regex, RegexFactory } from '../regex/regex.ts'
import { keyOf } from './alternative-key.ts'
import { anyArray, anyNumber, anyObject, anyStringPart, type Builder } from './alternatives.ts'
import { expandNode, type NodeExpander } from './expand.ts'
import { type Conjunction, mergeAlternatives, obligationOf } from './merge.ts'
import type { Alternative, Obligation } from './parts.ts'
import { SchemaReader } from './read-schema.ts'
import { allTypes, SchemaError, type SchemaNode, types } from './schema-node.ts'
import { splitSome } from './split-some.ts'

const maxObligations = 50_000

/** Ways to fulfil one obligation. `oneOf` over n overlapping branches multiplies them. */
const maxAlternatives = 1_000

/** How deep `oneOf` looks for what tells its branches apart. */
const disjointDepth = 4

/** Obligations of one schema and what fulfils each, worked out when first asked for. */
export class SchemaGraph implements Builder, Conjunction, NodeExpander {
  readonly factory = new RegexFactory()
  readonly #reader: SchemaReader
  readonly #nodes: SchemaNode[] = []
  readonly #obligations = new Map<string, Obligation>()
  readonly #pairs = new Map<number, Obligation>()
  readonly #expanded: (readonly Alternative[] | undefined)[] = []
  readonly #expanding = new Set<number>()
  readonly #dfas = new Map<Regex, Dfa>()
  readonly anything: Obligation
  readonly nothing: Obligation
  readonly anyString: Regex
  readonly any: Alternative
  readonly root: Obligation

  /** @throws SchemaError */
  constructor(document: unknown) {
    this.#reader = new SchemaReader(document, this.factory)
    this.anyString = this.factory.anything
    this.anything = this.#intern([])
    this.nothing = this.#intern([0])
    this.any = {
      types: allTypes,
      number: anyNumber,
      string: anyStringPart(this.anyString),
      array: anyArray(this.anything),
      object: anyObject,
    }
    this.root = this.holds(this.#reader.root())
  }

  holds(node: SchemaNode): Obligation {
    return this.holdsAll([node])
  }

  holdsAll(nodes: readonly SchemaNode[]): Obligation {
    return this.#of(nodes.map((node) => this.#signed(node, 1)))
  }

  fails(node: SchemaNode): Obligation {
    return this.#of([this.#signed(node, -1)])
  }

  constant(value: unknown): Obligation {
    return this.holds(this.#reader.constant(value))
  }

  and(a: Obligation, b: Obligation): Obligation {
    if (a === b || b === this.anything) return a
    if (a === this.anything) return b
    const pair = a.id * maxObligations + b.id
    const known = this.#pairs.get(pair)
    if (known !== undefined) return known
    const both = this.#of([...a.nodes, ...b.nodes])
    this.#pairs.set(pair, both)
    return both
  }

  /**
   * Every way to fulfil the obligation; none when it cannot be.
   * @throws SchemaError
   */
  expand(obligation: Obligation): readonly Alternative[] {
    const known = this.#expanded[obligation.id]
    if (known !== undefined) return known
    if (obligation === this.nothing) return []
    if (this.#expanding.has(obligation.id)) {
      const node = this.#nodes[Math.abs(obligation.nodes[0] ?? 0)]
      throw new EndlessReferenceError('$ref', node?.path ?? '#', 'refers to itself without end')
    }
    this.#expanding.add(obligation.id)
    try {
      const alternatives = this.#expand(obligation)
      this.#expanded[obligation.id] = alternatives
      return alternatives
    } finally {
      this.#expanding.delete(obligation.id)
    }
  }

  /** All combinations of one from each list that can be fulfilled together. */
  product(lists: readonly (readonly Alternative[])[], at: SchemaNode): readonly Alternative[] {
    let out = new Map([[keyOf(this.any), this.any]])
    // short lists first: they rule out most
    for (const list of lists.toSorted((a, b) => a.length - b.length)) {
      const combined = new Map<string, Alternative>()
      for (const [key, alternative] of out) {
        for (const [mergedKey, merged] of this.#mergeWithAll(key, alternative, list))
          combined.set(mergedKey, merged)
        if (combined.size > maxAlternatives) throw tooMany(at)
      }
      out = combined
    }
    return [...out.values()]
  }

  /** Whether two obligations are seen to exclude one another without looking deep into them. */
  disjoint(a: Obligation, b: Obligation): boolean {
    return this.#isEmpty(this.and(a, b), disjointDepth)
  }

  literal(texts: readonly string[]): Regex {
    return this.factory.or(texts.map((text) => this.factory.literal(codePointsOf(text))))
  }

  notRegex(regex: Regex): Regex {
    return this.factory.not(regex)
  }

  noneOf(regexes: readonly Regex[]): Regex {
    return this.factory.not(this.factory.or(regexes))
  }

  allRegexes(a: Regex, b: Regex): Regex {
    return this.factory.and([a, b])
  }

  dfa(regex: Regex): Dfa {
    let dfa = this.#dfas.get(regex)
    if (dfa === undefined) {
      dfa = new Dfa(this.factory, regex)
      this.#dfas.set(regex, dfa)
    }
    return dfa
  }

  matches(regex: Regex, text: string): boolean {
    const dfa = this.dfa(regex)
    return dfa.accepts(codePointsOf(text).reduce((state, char) => dfa.next(state, char), 0))
  }

  keepsNumber(rule: NumberRule, value: number): boolean {
    const matcher = new NumberMatcher(rule)
    return acceptsRest(matcher, matcher.start, codePointsOf(plainDecimal(value)))
  }

  stringsOf(obligation: Obligation): Regex {
    const strings = this.expand(obligation).filter((alternative) => alternative.types & types.string)
    return this.factory.or(strings.map(({ string }) => this.#stringRegex(string)))
  }

  /** One that already implies an entry of the list needs no other. */
  #mergeWithAll(
    key: string,
    alternative: Alternative,
    list: readonly Alternative[],
  ): Map<string, Alternative> {
    const out = new Map<string, Alternative>()
    for (const other of list) {
      const merged = mergeAlternatives(this, alternative, other)
      if (merged === null) continue
      const mergedKey = keyOf(merged)
      if (mergedKey === key) return new Map([[key, alternative]])
      out.set(mergedKey, merged)
    }
    return out
  }

  #stringRegex({ values, min, max, regex }: Alternative['string']): Regex {
    if (values !== null) return this.literal(values)
    return this.factory.and([regex, this.factory.loop(this.factory.anyChar, min, max)])
  }

  #expand(obligation: Obligation): readonly Alternative[] {
    const nodes = obligation.nodes.map((id) => ({ node: this.#nodes[Math.abs(id)], holds: id > 0 }))
    const first = nodes[0]?.node
    if (first === undefined) return [this.any]
    const lists = nodes.map(({ node, holds }) => (node === undefined ? [] : expandNode(this, node, holds)))
    const split = this.product(lists, first).flatMap((alternative) => splitSome(this, alternative))
    const distinct = new Map(split.map((alternative) => [keyOf(alternative), alternative]))
    if (distinct.size > maxAlternatives) throw tooMany(first)
    return [...distinct.values()]
  }

  #isEmpty(obligation: Obligation, depth: number): boolean {
    if (obligation === this.nothing) return true
    if (depth === 0) return false
    try {
      return this.expand(obligation).every((alternative) => this.#isImpossible(alternative, depth))
    } catch (error) {
      if (error instanceof EndlessReferenceError) return false
      throw error
    }
  }

  #isImpossible({ types: possible, string, array, object }: Alternative, depth: number): boolean {
    const scalars = types.null | types.true | types.false | types.number
    if (possible & scalars) return false
    if (possible & types.string && (string.values !== null || this.dfa(string.regex).live(0))) return false
    if (possible & types.array) {
      const needed = Array.from(
        { length: Math.min(array.min, array.prefix.length + 1) },
        (_, i) => array.prefix[i] ?? array.rest,
      )
      if (!needed.some((element) => this.#isEmpty(element, depth - 1))) return false
    }
    if (possible & types.object) {
      const required = Array.from(object.required, (name) => obligationOf(this, object, name))
      if (!required.some((value) => this.#isEmpty(value, depth - 1))) return false
    }
    return true
  }

  /** A node that always holds is 'anything', one that never does 'nothing'. */
  #signed(node: SchemaNode, sign: 1 | -1): number | boolean {
    this.#nodes[node.id] = node
    const [first, ...others] = node.assertions
    if (first === undefined) return sign === 1
    const never = first.type === 'types' && first.types === 0 && others.length === 0
    return never ? sign === -1 : sign * node.id
  }

  #of(parts: readonly (number | boolean)[]): Obligation {
    const ids = new Set(parts.filter((part) => part !== true))
    for (const id of ids) {
      if (id === false || id === 0 || ids.has(-id)) return this.nothing
    }
    return this.#intern([...ids].map(Number).sort((a, b) => a - b))
  }

  #intern(nodes: readonly number[]): Obligation {
    const key = nodes.join(',')
    const known = this.#obligations.get(key)
    if (known !== undefined) return known
    const id = this.#obligations.size
    if (id >= maxObligations) throw grammarTooLarge(`more than ${maxObligations} combinations of subschemas`)
    const obligation = { id, nodes }
    this.#obligations.set(key, obligation)
    return obligation
  }
}

class EndlessReferenceError extends SchemaError {}

function tooMany(node: SchemaNode): SchemaError {
  const combining = node.assertions.find(
    ({ type }) => type === 'oneOf' || type === 'anyOf' || type === 'if' || type === 'not',
  )
  return new SchemaError(
    combining?.type ?? 'allOf',
    node.path,
    `more than ${maxAlternatives} ways to fulfil it`,
  )
}

/** As JSON would write it, but never with an exponent, which conditions on a number do not allow. */
function plainDecimal(value: number): string {
  const { negative, integer, fraction } = decimalOf(value)
  return `${negative ? '-' : ''}${integer.join('')}${fraction.length > 0 ? `.${fraction.join('')}` : ''}`
}
