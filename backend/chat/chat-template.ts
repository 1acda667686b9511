import { randomBytes } from 'node:crypto'
import { Template } from '@huggingface/jinja'
import { markConstants } from './mark-constants.ts'

/** A stretch of a rendered prompt: ordinary text, whoever wrote it, or the id of a special token. */
export type Segment = string | number

type Variables = Readonly<Record<string, unknown>>

export interface TemplateSource {
  readonly source: string
  /** Variables the model's own files define, such as `bos_token`; they may spell tokens. */
  readonly constants: Readonly<Record<string, string>>
  /** Every added token of the tokenizer, by spelling. */
  readonly tokens: ReadonlyMap<string, number>
}

/**
 * A model's chat template, parsed once. The special tokens spelled in the template are replaced by marks no caller can
 * know, so what comes out tells the template's own tokens from text that merely looks like them, and every test or
 * filter of the template still sees callers' text as it is.
 */
export class ChatTemplate {
  readonly #source: TemplateSource
  readonly #template: Template
  readonly #constants: Readonly<Record<string, string>>
  /** Matches a token's spelling. */
  readonly #spelled: RegExp
  readonly #nonce = unguessableNumber()
  /** Matches a mark; its group is the token's id. */
  readonly #mark: RegExp

  /** @throws Error when the template does not parse */
  constructor(source: TemplateSource) {
    this.#source = source
    this.#spelled = anyOf([...source.tokens.keys()])
    this.#mark = new RegExp(`${this.#nonce}-(\\d+);`)
    const mark = (text: string) => text.replaceAll(this.#spelled, (token) => this.#markOf(token))
    this.#template = new Template(source.source)
    markConstants(this.#template.parsed, mark)
    this.#constants = Object.fromEntries(
      Object.entries(source.constants).map(([name, text]) => [name, mark(text)]),
    )
  }

  /** @throws Error when the template refuses the conversation; the message is the template's */
  render(variables: Variables): Segment[] {
    return segments(this.#render(variables), this.#mark, Number)
  }

  /** The same, believing every special token whoever spelled it. For conversations of our own alone. */
  renderTrusting(variables: Variables): Segment[] {
    const { source, constants, tokens } = this.#source
    const rendered = new Template(source).render({ ...constants, ...variables })
    return segments(rendered, new RegExp(`(${this.#spelled.source})`), (token) => tokens.get(token) ?? -1)
  }

  #render(variables: Variables): string {
    try {
      return this.#template.render({ ...this.#constants, ...variables })
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      throw new Error(this.#unmarked(message), { cause: error })
    }
  }

  #markOf(token: string): string {
    return `${this.#nonce}-${this.#source.tokens.get(token)};`
  }

  #unmarked(text: string): string {
    return [...this.#source.tokens.keys()].reduce(
      (result, token) => result.replaceAll(this.#markOf(token), token),
      text,
    )
  }
}

/** @param special matches what stands for a token, in one group */
function segments(rendered: string, special: RegExp, id: (caught: string) => number): Segment[] {
  return rendered
    .split(special)
    .map((part, index) => (index % 2 === 0 ? part : id(part)))
    .filter((segment) => segment !== '')
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
