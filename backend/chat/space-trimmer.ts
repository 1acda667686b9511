/** Takes leading and trailing white space off a stream: white space goes out only once text follows it. */
export class SpaceTrimmer {
  #begun = false
  #space = ''

  push(text: string): string {
    const rest = this.#begun ? text : text.trimStart()
    const trimmed = rest.trimEnd()
    if (trimmed === '') {
      if (this.#begun) this.#space += rest
      return ''
    }
    const out = this.#space + trimmed
    this.#begun = true
    this.#space = rest.slice(trimmed.length)
    return out
  }
}
