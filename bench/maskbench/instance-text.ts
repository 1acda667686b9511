/**
 * The texts of the instances in one MaskBench file, spaced as the benchmark's own runner writes them (Python's
 * `json.dumps` with `ensure_ascii=False`): one space after each comma and colon. Numbers and the order of keys stay as
 * the file has them, which parsing would lose.
 */
export function instanceTexts(source: string): string[] {
  const texts: string[] = []
  const document = new Scanner(source)
  document.members((key) => {
    if (key !== 'tests') document.skip()
    else
      document.elements(() => {
        document.members((name) => {
          const value = document.skip()
          if (name === 'data') texts.push(value)
        })
      })
  })
  return texts
}

/** Reads JSON that is known to be valid. */
class Scanner {
  readonly #source: string
  #at = 0

  constructor(source: string) {
    this.#source = source
  }

  members(visit: (key: string) => unknown): void {
    this.#list('{', '}', () => {
      const key: unknown = JSON.parse(this.#token())
      this.#token() // the colon
      visit(String(key))
    })
  }

  elements(visit: () => unknown): void {
    this.#list('[', ']', visit)
  }

  /** Passes over a value; returns it, spaced anew. */
  skip(): string {
    const next = this.#peek()
    if (next === '{') {
      const members: string[] = []
      this.members((key) => members.push(`${JSON.stringify(key)}: ${this.skip()}`))
      return `{${members.join(', ')}}`
    }
    if (next === '[') {
      const elements: string[] = []
      this.elements(() => elements.push(this.skip()))
      return `[${elements.join(', ')}]`
    }
    const token = this.#token()
    return token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : token
  }

  #list(open: string, close: string, visit: () => unknown): void {
    if (this.#token() !== open) throw new SyntaxError(`expected ${open}`)
    if (this.#peek() === close) {
      this.#token()
      return
    }
    do visit()
    while (this.#token() === ',')
  }

  #peek(): string {
    while (/\s/.test(this.#source[this.#at] ?? '')) this.#at++
    return this.#source[this.#at] ?? ''
  }

  #token(): string {
    this.#peek()
    const match = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/y
    match.lastIndex = this.#at
    const token = match.exec(this.#source)?.[0]
    if (token === undefined) throw new SyntaxError(`nothing to read at ${this.#at}`)
    this.#at += token.length
    return token
  }
}
