import { type Pattern, PatternError, parsePattern } from './pattern-syntax.ts'
import type { Regex, RegexFactory } from './regex.ts'

/** Counted characters a pattern may ask for in all: `(a{100}){100}` asks for 10,000. */
const maxPositions = 20_000

/** An impure part (one that looks around) is unrolled when repeated at most this often. */
const maxUnrolled = 4

/**
 * The strings in which `source` matches somewhere, as `pattern` and `patternProperties` mean it.
 * @throws PatternError when no finite automaton, or none of bounded size, does the same.
 */
export function compilePattern(factory: RegexFactory, source: string): Regex {
  const pattern = parsePattern(source)
  if (positions(pattern) > maxPositions)
    throw new PatternError(`asks for more than ${maxPositions} characters`)
  const compiler = new PatternCompiler(factory)
  if (!contains(pattern, 'start')) {
    return factory.cat(factory.anything, compiler.build(pattern, factory.anything, false))
  }
  const later = compiler.build(pattern, factory.anything, false)
  return factory.or([
    compiler.build(pattern, factory.anything, true),
    factory.cat(factory.anyChar, factory.cat(factory.anything, later)),
  ])
}

/** The strings that `source` matches from end to end. */
export function compileWhole(factory: RegexFactory, source: string): Regex {
  return compilePattern(factory, `^(?:${source})$`)
}

/**
 * Builds right to left: `rest` is the expression for everything after a part up to the string's end. So `$` asks
 * `rest` to be empty, and a lookahead is an intersection with `rest`.
 */
class PatternCompiler {
  readonly #factory: RegexFactory

  constructor(factory: RegexFactory) {
    this.#factory = factory
  }

  build(pattern: Pattern, rest: Regex, atStart: boolean): Regex {
    const factory = this.#factory
    switch (pattern.type) {
      case 'chars':
        return factory.cat(factory.chars(pattern.set), rest)
      case 'start':
        return atStart ? rest : factory.nothing
      case 'end':
        return rest.nullable ? factory.empty : factory.nothing
      case 'or':
        return factory.or(pattern.options.map((option) => this.build(option, rest, atStart)))
      case 'look': {
        const ahead = this.build(pattern.body, factory.anything, atStart)
        return factory.and([rest, pattern.negative ? factory.not(ahead) : ahead])
      }
      case 'cat':
        return this.#sequence(pattern.items, rest, atStart)
      case 'loop':
        return this.#loop(pattern, rest, atStart)
    }
  }

  #sequence(items: readonly Pattern[], rest: Regex, atStart: boolean): Regex {
    const starts: boolean[] = []
    let here = atStart
    items.forEach((item, index) => {
      starts.push(here)
      if (!here || isZeroWidth(item)) return
      const restNeedsStart = items.slice(index + 1).some((later) => contains(later, 'start'))
      if (restNeedsStart && isNullable(item))
        throw new PatternError('"^" after an optional part cannot be enforced')
      here = false
    })
    return items.reduceRight((after, item, index) => this.build(item, after, starts[index] ?? false), rest)
  }

  #loop(loop: Extract<Pattern, { type: 'loop' }>, rest: Regex, atStart: boolean): Regex {
    const factory = this.#factory
    if (isPure(loop.body)) return factory.cat(factory.loop(this.#pure(loop.body), loop.min, loop.max), rest)
    if (loop.max <= maxUnrolled) return this.#unroll(loop.body, loop.min, loop.max, rest, atStart)
    return this.#guardedLoop(loop, rest)
  }

  #unroll(body: Pattern, min: number, max: number, rest: Regex, atStart: boolean): Regex {
    if (max === 0) return rest
    if (max > 1 && contains(body, 'start'))
      throw new PatternError('"^" in a repeated part cannot be enforced')
    const more = this.build(body, this.#unroll(body, Math.max(0, min - 1), max - 1, rest, false), atStart)
    return min > 0 ? more : this.#factory.or([rest, more])
  }

  /** `((?!x).)*$`: characters up to the end, at none of which x begins. */
  #guardedLoop(loop: Extract<Pattern, { type: 'loop' }>, rest: Regex): Regex {
    const factory = this.#factory
    const [guard, chars, ...others] = loop.body.type === 'cat' ? loop.body.items : []
    const known = guard?.type === 'look' && guard.negative && chars?.type === 'chars' && others.length === 0
    if (!known || rest !== factory.empty || loop.max !== Number.POSITIVE_INFINITY) {
      throw new PatternError('a lookahead or anchor in a repeated part cannot be enforced')
    }
    const forbidden = this.build(guard.body, factory.anything, false)
    if (forbidden.nullable) return loop.min === 0 ? factory.empty : factory.nothing
    const free = factory.loop(factory.chars(chars.set), loop.min, loop.max)
    return factory.and([free, factory.not(factory.cat(factory.anything, forbidden))])
  }

  #pure(pattern: Pattern): Regex {
    return this.build(pattern, this.#factory.empty, false)
  }
}

function isPure(pattern: Pattern): boolean {
  return !contains(pattern, 'start') && !contains(pattern, 'end') && !contains(pattern, 'look')
}

function isZeroWidth(pattern: Pattern): boolean {
  return pattern.type === 'start' || pattern.type === 'end' || pattern.type === 'look'
}

function isNullable(pattern: Pattern): boolean {
  switch (pattern.type) {
    case 'chars':
      return false
    case 'cat':
      return pattern.items.every(isNullable)
    case 'or':
      return pattern.options.some(isNullable)
    case 'loop':
      return pattern.min === 0 || isNullable(pattern.body)
    default:
      return true
  }
}

function contains(pattern: Pattern, type: Pattern['type']): boolean {
  return pattern.type === type || childrenOf(pattern).some((child) => contains(child, type))
}

function positions(pattern: Pattern): number {
  const own = pattern.type === 'chars' ? 1 : 0
  const inner = childrenOf(pattern).reduce((sum, child) => sum + positions(child), own)
  if (pattern.type !== 'loop') return inner
  const repeats = pattern.max === Number.POSITIVE_INFINITY ? pattern.min + 1 : pattern.max
  return inner * Math.max(1, repeats)
}

function childrenOf(pattern: Pattern): readonly Pattern[] {
  switch (pattern.type) {
    case 'cat':
      return pattern.items
    case 'or':
      return pattern.options
    case 'loop':
    case 'look':
      return [pattern.body]
    default:
      return []
  }
}
