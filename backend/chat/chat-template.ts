import { randomBytes } from 'node:crypto'
import { Template } from '@huggingface/jinja'
import { markConstants } from './mark-constants.ts'

/** A stretch of a rendered prompt: ordinary text, whoever wrote it, or the id of a token the template itself spelled. */
export type Segment = string | number

/**
 * A model's chat template, parsed once. The special tokens spelled in the template are replaced by marks no caller can
 * know, so what comes out tells the template's own tokens from text that merely looks like them, and every test or
 * filter of the template still sees callers' text as it is.
 */
export class ChatTemplate {
  readonly #template: Template
  readonly #constants: Readonly<Record<string, string>>
  readonly #tokens: ReadonlyMap<string, number>
  readonly #spelled: RegExp
  readonly #nonce = unguessableNumber()
  readonly #marks: RegExp

  /**
   * @param constants variables the model's own files define, such as `bos_token`; they may spell tokens
   * @param tokens every added token of the tokenizer, by spelling
   */
  constructor(
    source: string,
    constants: Readonly<Record<string, string>>,
    tokens: ReadonlyMap<string, number>,
  ) {
    this.#tokens = tokens
    this.#spelled = anyOf([...tokens.keys()])
    this.#marks = new RegExp(`${this.#nonce}-(\\d+);`)
    const mark = (text: string) => this.#mark(text)
    this.#template = new Template(source)
    markConstants(this.#template.parsed, mark)
    this.#constants = Object.fromEntries(Object.entries(constants).map(([name, text]) => [name, mark(text)]))
  }

  /** @throws Error when the template refuses the conversation; the message is the template's. */
  render(variables: Readonly<Record<string, unknown>>): Segment[] {
    const rendered = this.#render(variables)
    // Text and, at odd places, what the mark's group caught: the token's id.
    return rendered
      .split(this.#marks)
      .map((part, index) => (index % 2 === 0 ? part : Number(part)))
      .filter((segment) => segment !== '')
  }

  #render(variables: Readonly<Record<string, unknown>>): string {
    try {
      return this.#template.render({ ...this.#constants, ...variables })
    } catch (error) {
      throw new Error(this.#unmark(error instanceof Error ? error.message : String(error)), { cause: error })
    }
  }

  #mark(text: string): string {
    return text.replaceAll(this.#spelled, (token) => `${this.#nonce}-${this.#tokens.get(token)};`)
  }

  #unmark(text: string): string {
    const spellings = new Map([...this.#tokens].map(([spelling, id]) => [String(id), spelling]))
    return text.replaceAll(new RegExp(this.#marks, 'g'), (_, id: string) => spellings.get(id) ?? '')
  }
}

/** Digits alone: no filter of a template (case, trimming, JSON) changes them. */
function unguessableNumber(): string {
  return BigInt(`0x${randomBytes(16).toString('hex')}`).toString()
}

/** Matches the longest of the texts at each place; nothing when there are none. */
function anyOf(texts: readonly string[]): RegExp {
  const longestFirst = texts.toSorted((a, b) => b.length - a.length)
  const escaped = longestFirst.map((text) => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
  return new RegExp(escaped.join('|') || '(?!)', 'g')
}
