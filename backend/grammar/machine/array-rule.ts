import type { ArrayPart, Contains, Obligation } from '../schema/parts.ts'
import { SchemaError } from '../schema/schema-node.ts'
import type { RuleBook } from './rule-book.ts'
import { isUsable, type Shape } from './shape.ts'

/** How far an array has come: elements written, no further than matters, and of each `contains` how many. */
export interface ArrayProgress {
  readonly length: number
  readonly found: readonly number[]
}

/** What the next element may be, and how far the array has come with it. */
export interface ElementChoice {
  readonly shape: Shape
  readonly progress: ArrayProgress
}

const maxContains = 4

/** One kind of array. */
export class ArrayRule {
  readonly id: number
  readonly unique: boolean
  readonly #part: ArrayPart
  readonly #book: RuleBook
  readonly #choices = new Map<string, readonly ElementChoice[]>()

  constructor(id: number, part: ArrayPart, book: RuleBook) {
    this.id = id
    this.unique = part.unique !== null && part.max > 1
    this.#part = part
    this.#book = book
    if (part.contains.length > maxContains)
      throw new SchemaError('contains', '#', `more than ${maxContains} apply at once`)
  }

  readonly start: ArrayProgress = { length: 0, found: [] }

  mayEnd({ length, found }: ArrayProgress): boolean {
    return (
      length >= this.#part.min && this.#part.contains.every(({ min }, index) => (found[index] ?? 0) >= min)
    )
  }

  /** Every choice leaves the array completable. `flatOnly`: of optional elements, only scalars. */
  choices(progress: ArrayProgress, flatOnly: boolean): readonly ElementChoice[] {
    const key = `${progress.length},${progress.found},${flatOnly}`
    const known = this.#choices.get(key)
    if (known !== undefined) return known
    const choices = this.#findChoices(progress, flatOnly)
    this.#choices.set(key, choices)
    return choices
  }

  /** Containers nested in the flattest such array, itself included; Infinity: there is none. */
  height(): number {
    const { min, prefix, contains } = this.#part
    let height = 1
    for (let index = 0; index < Math.min(min, prefix.length + 1); index++) {
      height = Math.max(height, 1 + this.#book.heightOf(this.#base(index)))
    }
    for (const entry of contains) {
      if (entry.min > 0) height = Math.max(height, 1 + this.#book.heightOf(this.#claimed(entry)))
    }
    return this.#feasible(this.start) ? height : Number.POSITIVE_INFINITY
  }

  /** Shapes of everything that elements may be. @throws SchemaError */
  children(): Shape[] {
    const { prefix, contains } = this.#part
    this.#checkUnique()
    const bases = [...prefix, this.#part.rest]
    const claims = contains.flatMap((entry) => [
      this.#claimed(entry),
      this.#book.graph.and(this.#part.rest, entry.negation),
    ])
    return [...bases, ...claims].map((obligation) => this.#shape(obligation))
  }

  #findChoices(progress: ArrayProgress, flatOnly: boolean): ElementChoice[] {
    const { max, min, contains } = this.#part
    if (progress.length >= max) return []
    const optional = progress.length >= min && this.mayEnd(progress)
    const out: ElementChoice[] = []
    for (let claims = 0; claims < 1 << contains.length; claims++) {
      const next = this.#after(progress, claims)
      if (next === null || !this.#feasible(next)) continue
      const shape = this.#shape(this.#elementObligation(progress.length, claims))
      if (isUsable(shape, flatOnly && optional)) out.push({ shape, progress: next })
    }
    return out
  }

  #after({ length, found }: ArrayProgress, claims: number): ArrayProgress | null {
    const { contains, min, max, prefix } = this.#part
    const counts: number[] = []
    for (const [index, entry] of contains.entries()) {
      const claimed = (claims >> index) & 1
      const count = (found[index] ?? 0) + claimed
      if (claimed === 1 && (length < entry.from || count > entry.max)) return null
      counts.push(entry.max === Number.POSITIVE_INFINITY ? Math.min(count, entry.min) : count)
    }
    const cap =
      max === Number.POSITIVE_INFINITY
        ? Math.max(min, prefix.length, ...contains.map(({ from }) => from))
        : max
    return { length: Math.min(length + 1, cap), found: counts }
  }

  /** Elements still owed to `contains` are counted on only past the prefix: never too hopeful. */
  #feasible({ length, found }: ArrayProgress): boolean {
    const { contains, prefix, min, max, rest } = this.#part
    const owed = contains.reduce((sum, entry, index) => sum + Math.max(0, entry.min - (found[index] ?? 0)), 0)
    const tail = Math.max(length, prefix.length, ...contains.map(({ from }) => from))
    if (owed > 0 && tail + owed > max) return false
    const last = owed > 0 ? tail + owed : min
    for (let index = length; index < Math.min(last, prefix.length); index++) {
      if (!this.#possible(this.#base(index))) return false
    }
    const restNeeded = last > Math.max(length, prefix.length)
    if (restNeeded && owed === 0 && !this.#possible(rest)) return false
    return contains.every(
      (entry, index) => (found[index] ?? 0) >= entry.min || this.#possible(this.#claimed(entry)),
    )
  }

  #possible(obligation: Obligation): boolean {
    return Number.isFinite(this.#book.heightOf(obligation))
  }

  #base(index: number): Obligation {
    return this.#part.prefix[index] ?? this.#part.rest
  }

  #claimed(entry: Contains): Obligation {
    return this.#book.graph.and(this.#part.rest, entry.obligation)
  }

  #elementObligation(index: number, claims: number): Obligation {
    return this.#part.contains.reduce((all, entry, bit) => {
      if ((claims >> bit) & 1) return this.#book.graph.and(all, entry.obligation)
      const counted = index >= entry.from && entry.max < Number.POSITIVE_INFINITY
      return counted ? this.#book.graph.and(all, entry.negation) : all
    }, this.#base(index))
  }

  #shape(obligation: Obligation): Shape {
    return this.unique ? this.#book.plainShapeOf(obligation) : this.#book.shapeOf(obligation)
  }

  #checkUnique(): void {
    const { unique, prefix, rest, min, contains } = this.#part
    if (!this.unique || unique === null) return
    const fail = (reason: string) => new SchemaError('uniqueItems', unique, reason)
    if (prefix.length > 0 || contains.length > 0)
      throw fail('cannot be enforced along with a tuple or "contains"')
    const shape = this.#book.plainShapeOf(rest)
    if (shape.arrays.length + shape.objects.length > 0) throw fail('can only be enforced for scalar elements')
    const words = [1, 2, 4].filter((bit) => shape.words & bit).length
    const most = Math.max(
      words,
      ...[...shape.strings, ...shape.numbers].map((matcher) => matcher.count(matcher.start)),
    )
    if (most < min) throw fail('there are fewer different elements than "minItems" asks for')
  }
}
