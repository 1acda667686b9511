import { LengthMatcher } from '../matchers/length-matcher.ts'
import { LiteralMatcher } from '../matchers/literal-matcher.ts'
import type { Matcher } from '../matchers/matcher.ts'
import { NumberMatcher } from '../matchers/number-matcher.ts'
import { PatternMatcher } from '../matchers/pattern-matcher.ts'
import { arrayKey, numberKey, objectKey, stringKey } from '../schema/alternative-key.ts'
import type {
  Alternative,
  ArrayPart,
  NumberPart,
  ObjectPart,
  Obligation,
  StringPart,
} from '../schema/parts.ts'
import type { SchemaGraph } from '../schema/schema-graph.ts'
import { types } from '../schema/schema-node.ts'
import { ArrayRule } from './array-rule.ts'
import { ObjectRule } from './object-rule.ts'
import type { Shape } from './shape.ts'

const wordTypes = types.null | types.true | types.false

/** Shapes, matchers and container rules of one schema; equal ones are the same object. */
export class RuleBook {
  readonly graph: SchemaGraph
  readonly #shapes = new Map<number, Shape>()
  readonly #plainShapes = new Map<number, Shape>()
  readonly #heights = new Map<number, number>()
  readonly #measuring = new Set<number>()
  readonly #matchers = new Map<string, Matcher | null>()
  readonly #arrays = new Map<string, ArrayRule>()
  readonly #objects = new Map<string, ObjectRule>()
  /** Obligations met while their height was being worked out, so that an answer of Infinity is not final. */
  #cycles = new Set<number>()

  constructor(graph: SchemaGraph) {
    this.graph = graph
  }

  shapeOf(obligation: Obligation): Shape {
    return this.#shape(this.#shapes, obligation, false)
  }

  /** With every number spelled in one way only, so that equal elements are equal texts. */
  plainShapeOf(obligation: Obligation): Shape {
    return this.#shape(this.#plainShapes, obligation, true)
  }

  /** Works out every shape that the root can reach, so that nothing is refused later. @throws SchemaError */
  checkAll(): void {
    const seen = new Set<Shape>()
    const queue = [this.shapeOf(this.graph.root)]
    for (const shape of queue) {
      for (const rule of [...shape.arrays, ...shape.objects]) {
        for (const child of rule.children()) {
          if (!seen.has(child)) queue.push(child)
          seen.add(child)
        }
      }
    }
  }

  /** Containers that the flattest value nests; Infinity: none fulfils it. */
  heightOf(obligation: Obligation): number {
    const known = this.#heights.get(obligation.id)
    if (known !== undefined) return known
    if (this.#measuring.has(obligation.id)) {
      this.#cycles.add(obligation.id)
      return Number.POSITIVE_INFINITY
    }
    this.#measuring.add(obligation.id)
    let height = Number.POSITIVE_INFINITY
    for (const alternative of this.graph.expand(obligation)) {
      if (height > 0) height = Math.min(height, this.#alternativeHeight(alternative))
    }
    this.#measuring.delete(obligation.id)
    this.#cycles.delete(obligation.id)
    // Infinity found while an outer measurement is under way may only mean that this one leads back to it
    if (Number.isFinite(height) || this.#cycles.size === 0) this.#heights.set(obligation.id, height)
    return height
  }

  #shape(shapes: Map<number, Shape>, obligation: Obligation, plain: boolean): Shape {
    const known = shapes.get(obligation.id)
    if (known !== undefined) return known
    const alternatives = this.graph.expand(obligation)
    const of = (bit: number) => alternatives.filter((alternative) => alternative.types & bit)
    const shape: Shape = {
      id: this.#shapes.size + this.#plainShapes.size,
      words: alternatives.reduce((bits, alternative) => bits | (alternative.types & wordTypes), 0),
      numbers: distinct(of(types.number).map(({ number }) => this.#numberMatcher(number, plain))),
      strings: distinct(of(types.string).map(({ string }) => this.#stringMatcher(string))),
      arrays: distinct(of(types.array).map(({ array }) => this.#arrayRule(array))),
      objects: distinct(of(types.object).map(({ object }) => this.#objectRule(object))),
      height: this.heightOf(obligation),
    }
    shapes.set(obligation.id, shape)
    return shape
  }

  #alternativeHeight({ types: possible, number, string, array, object }: Alternative): number {
    if (possible & wordTypes) return 0
    if (possible & types.number && this.#numberMatcher(number, false) !== null) return 0
    if (possible & types.string && this.#stringMatcher(string) !== null) return 0
    const arrays =
      possible & types.array
        ? (this.#arrayRule(array)?.height() ?? Number.POSITIVE_INFINITY)
        : Number.POSITIVE_INFINITY
    if (arrays === 1) return 1
    const objects =
      possible & types.object
        ? (this.#objectRule(object)?.height() ?? Number.POSITIVE_INFINITY)
        : Number.POSITIVE_INFINITY
    return Math.min(arrays, objects)
  }

  #numberMatcher(part: NumberPart, plain: boolean): Matcher | null {
    return this.#matcher(`n${plain}${numberKey(part)}`, () => {
      if (part.values !== null) return new LiteralMatcher(part.values.map((value) => JSON.stringify(value)))
      const matcher = new NumberMatcher({ ...part, canonical: plain })
      return matcher.possible ? matcher : null
    })
  }

  #stringMatcher(part: StringPart): Matcher | null {
    return this.#matcher(`s${stringKey(part)}`, () => {
      if (part.values !== null) return new LiteralMatcher(part.values)
      if (part.regex === this.graph.anyString) return new LengthMatcher(part.min, part.max)
      const matcher = new PatternMatcher(this.graph.dfa(part.regex), part.min, part.max)
      return matcher.possible ? matcher : null
    })
  }

  #matcher(key: string, make: () => Matcher | null): Matcher | null {
    const known = this.#matchers.get(key)
    if (known !== undefined) return known
    const matcher = make()
    this.#matchers.set(key, matcher)
    return matcher
  }

  #arrayRule(part: ArrayPart): ArrayRule {
    return intern(this.#arrays, arrayKey(part), (id) => new ArrayRule(id, part, this))
  }

  #objectRule(part: ObjectPart): ObjectRule {
    return intern(this.#objects, objectKey(part), (id) => new ObjectRule(id, part, this))
  }
}

function intern<T>(table: Map<string, T>, key: string, make: (id: number) => T): T {
  const known = table.get(key)
  if (known !== undefined) return known
  const made = make(table.size)
  table.set(key, made)
  return made
}

function distinct<T>(list: readonly (T | null)[]): readonly T[] {
  return [...new Set(list.filter((entry) => entry !== null))]
}
