import { type CharSet, charSetOf, charsOf, complement, maxCodePoint, union } from './char-set.ts'

/** A parsed ECMA-262 pattern. */
export type Pattern =
  | { readonly type: 'chars'; readonly set: CharSet }
  | { readonly type: 'cat'; readonly items: readonly Pattern[] }
  | { readonly type: 'or'; readonly options: readonly Pattern[] }
  | { readonly type: 'loop'; readonly body: Pattern; readonly min: number; readonly max: number }
  | { readonly type: 'start' }
  | { readonly type: 'end' }
  | { readonly type: 'look'; readonly negative: boolean; readonly body: Pattern }

/** Says in the caller's words why a pattern cannot be enforced. */
export class PatternError extends Error {
  override readonly name = 'PatternError'
}

const digit = charSetOf([0x30, 0x39])
const word = charSetOf([0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a])
// ECMA-262 WhiteSpace and LineTerminator
const space = charsOf(
  '\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff',
)
const dot = complement(charsOf('\n\r\u2028\u2029'))

const classEscapes: Record<string, CharSet> = {
  d: digit,
  D: complement(digit),
  w: word,
  W: complement(word),
  s: space,
  S: complement(space),
}

const controlEscapes: Record<string, number> = { t: 9, n: 10, v: 11, f: 12, r: 13, 0: 0 }

const maxDepth = 100

/**
 * Reads a pattern as ECMA-262 does, with or without its `u` flag.
 * @throws PatternError on syntax that is no ECMA-262 pattern or that no finite automaton can match.
 */
export function parsePattern(source: string): Pattern {
  assertEcma(source)
  const reader = new PatternReader(source)
  const pattern = reader.disjunction(0)
  if (!reader.done) throw new PatternError(`unexpected "${reader.peek()}"`)
  return pattern
}

function assertEcma(source: string): void {
  try {
    new RegExp(source, 'u')
  } catch {
    try {
      new RegExp(source)
    } catch (cause) {
      throw new PatternError(cause instanceof Error ? cause.message : 'not a regular expression', { cause })
    }
  }
}

class PatternReader {
  readonly #source: readonly string[]
  #at = 0

  constructor(source: string) {
    this.#source = Array.from(source)
  }

  get done(): boolean {
    return this.#at >= this.#source.length
  }

  peek(): string {
    return this.#source[this.#at] ?? ''
  }

  disjunction(depth: number): Pattern {
    if (depth > maxDepth) throw new PatternError(`groups nested deeper than ${maxDepth}`)
    const options = [this.#sequence(depth)]
    while (this.#take('|')) options.push(this.#sequence(depth))
    const first = options[0]
    return options.length === 1 && first !== undefined ? first : { type: 'or', options }
  }

  #sequence(depth: number): Pattern {
    const items: Pattern[] = []
    while (!this.done && this.peek() !== '|' && this.peek() !== ')') items.push(this.#term(depth))
    return { type: 'cat', items }
  }

  #term(depth: number): Pattern {
    const atom = this.#atom(depth)
    const bounds = this.#quantifier()
    if (bounds === null) return atom
    this.#take('?') // laziness does not change what matches
    return { type: 'loop', body: atom, ...bounds }
  }

  #quantifier(): { min: number; max: number } | null {
    if (this.#take('*')) return { min: 0, max: Number.POSITIVE_INFINITY }
    if (this.#take('+')) return { min: 1, max: Number.POSITIVE_INFINITY }
    if (this.#take('?')) return { min: 0, max: 1 }
    const match = /^\{(\d+)(,(\d*))?\}/.exec(this.#source.slice(this.#at, this.#at + 24).join(''))
    if (match === null) return null
    this.#at += match[0].length
    const min = Number(match[1])
    const max = match[2] === undefined ? min : match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3])
    return { min, max }
  }

  #atom(depth: number): Pattern {
    const char = this.#next()
    switch (char) {
      case '^':
        return { type: 'start' }
      case '$':
        return { type: 'end' }
      case '.':
        return { type: 'chars', set: dot }
      case '(':
        return this.#group(depth)
      case '[':
        return { type: 'chars', set: this.#class() }
      case '\\':
        return { type: 'chars', set: this.#escape(false) }
      default:
        return { type: 'chars', set: charsOf(char) }
    }
  }

  #group(depth: number): Pattern {
    const look = this.#take('?') ? this.#groupKind() : null
    const body = this.disjunction(depth + 1)
    if (!this.#take(')')) throw new PatternError('unterminated group')
    return look === null ? body : { type: 'look', negative: look === '!', body }
  }

  /** Reads what follows `(?`. */
  #groupKind(): '=' | '!' | null {
    if (this.#take(':')) return null
    if (this.#take('=')) return '='
    if (this.#take('!')) return '!'
    if (this.#take('<') && this.peek() !== '=' && this.peek() !== '!') {
      while (!this.#take('>')) this.#next()
      return null
    }
    throw new PatternError('lookbehind and flags in groups cannot be enforced')
  }

  #class(): CharSet {
    const negative = this.#take('^')
    let set: CharSet = []
    while (!this.#take(']')) {
      const from = this.#classAtom()
      if (this.peek() !== '-' || this.#source[this.#at + 1] === ']') {
        set = union(set, from)
        continue
      }
      this.#next()
      const to = this.#classAtom()
      const isRange = single(from) && single(to)
      const range = isRange ? charSetOf([from[0] ?? 0, to[0] ?? 0]) : union(charsOf('-'), union(from, to))
      set = union(set, range)
    }
    return negative ? complement(set) : set
  }

  #classAtom(): CharSet {
    const char = this.#next()
    return char === '\\' ? this.#escape(true) : charsOf(char)
  }

  #escape(inClass: boolean): CharSet {
    const char = this.#next()
    const set = classEscapes[char]
    if (set !== undefined) return set
    const control = controlEscapes[char]
    if (control !== undefined) return [control, control]
    if (char === 'b' && inClass) return [8, 8]
    if (char === 'x') return this.#hex(2)
    if (char === 'u') return this.#unicodeEscape()
    if (char === 'p' || char === 'P') return this.#property(char === 'P')
    if (/[A-Za-z1-9]/.test(char)) throw new PatternError(`"\\${char}" cannot be enforced`)
    return charsOf(char)
  }

  #unicodeEscape(): CharSet {
    if (!this.#take('{')) return this.#surrogatePair(this.#hex(4))
    let digits = ''
    while (!this.#take('}')) digits += this.#next()
    const code = Number.parseInt(digits, 16)
    if (!(code <= maxCodePoint)) throw new PatternError(`"\\u{${digits}}" is no code point`)
    return charSetOf([code, code])
  }

  /** Two escapes may spell one character beyond U+FFFF. */
  #surrogatePair(high: CharSet): CharSet {
    const first = high[0] ?? 0
    if (first < 0xd800 || first > 0xdbff || !this.#take('\\') || !this.#take('u')) return intersectAny(high)
    const second = this.#hex(4)[0] ?? 0
    const code = 0x10000 + (first - 0xd800) * 0x400 + (second - 0xdc00)
    return charSetOf([code, code])
  }

  #hex(digits: number): CharSet {
    let text = ''
    for (let i = 0; i < digits; i++) text += this.#next()
    if (!/^[0-9a-fA-F]+$/.test(text)) throw new PatternError('bad hexadecimal escape')
    const code = Number.parseInt(text, 16)
    return [code, code]
  }

  #property(negative: boolean): CharSet {
    let name = ''
    if (!this.#take('{')) throw new PatternError('bad property escape')
    while (!this.#take('}')) name += this.#next()
    return unicodeProperty(name, negative)
  }

  #next(): string {
    const char = this.#source[this.#at]
    if (char === undefined) throw new PatternError('unterminated')
    this.#at++
    return char
  }

  #take(char: string): boolean {
    if (this.peek() !== char || this.done) return false
    this.#at++
    return true
  }
}

function single(set: CharSet): boolean {
  return set.length === 2 && set[0] === set[1]
}

function intersectAny(set: CharSet): CharSet {
  const [lo = 0, hi = 0] = set
  return charSetOf([lo, hi])
}

/** The engine's own Unicode tables, read by asking about every code point. */
function unicodeProperty(name: string, negative: boolean): CharSet {
  const probe = propertyProbe(name)
  const ranges: [number, number][] = []
  for (let code = 0; code <= maxCodePoint; code++) {
    if (!probe.test(String.fromCodePoint(code))) continue
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === code - 1) last[1] = code
    else ranges.push([code, code])
  }
  const set = charSetOf(...ranges)
  return negative ? complement(set) : set
}

function propertyProbe(name: string): RegExp {
  try {
    return new RegExp(`^\\p{${name}}$`, 'u')
  } catch (cause) {
    throw new PatternError(`"\\p{${name}}" is no Unicode property`, { cause })
  }
}
