import { CharacterStream } from './character-stream.ts'
import type { ToolDefinition } from './messages.ts'
import { SpaceTrimmer } from './space-trimmer.ts'
import { StopStrings } from './stop-strings.ts'
import type { Tokenizer } from './tokenizer.ts'
import { type ToolCallDelta, ToolCallParser, type ToolMarkup, toolMarkup } from './tool-call-parser.ts'

export interface AnswerOptions {
  readonly tokenizer: Tokenizer
  /** Texts that end the answer and are not part of it; they count in the content alone. None of them empty. */
  readonly stop: readonly string[]
  /** false: whatever the model thinks is left out. */
  readonly thinking: boolean
  /** Whether the prompt ends inside the reasoning. */
  readonly opensReasoning: boolean
  /** None: a tool call is not looked for. */
  readonly tools: readonly ToolDefinition[]
}

/** What a token added to the answer. */
export interface AnswerDelta {
  readonly content: string
  readonly reasoning: string
  readonly toolCalls: readonly ToolCallDelta[]
  /** A stop string came: the answer is complete and takes no more tokens. */
  readonly stopped: boolean
  /** Where the token's text belongs, now or when it is let through; null for markup. */
  readonly part: AnswerPart | null
}

type AnswerPart = 'content' | 'reasoning' | 'tool_call'

/**
 * The answer's tokens as clean text, as they come: no special tokens, reasoning and tool calls apart, cut at stop
 * strings, no white space around it. Nothing that was given out is ever taken back: all deltas joined are the answer.
 * Markup counts as tokens only; the same characters written as ordinary text are text.
 */
export class AnswerText {
  readonly #tokenizer: Tokenizer
  readonly #markup: ReadonlyMap<number, Markup>
  readonly #thinking: boolean
  readonly #characters = new CharacterStream()
  readonly #stops: StopStrings
  readonly #contentTrimmer = new SpaceTrimmer()
  readonly #reasoningTrimmer = new SpaceTrimmer()
  readonly #toolCalls: ToolCallParser
  #reasoning: boolean

  constructor({ tokenizer, stop, thinking, opensReasoning, tools }: AnswerOptions) {
    this.#tokenizer = tokenizer
    this.#markup = markupTokens(tokenizer, tools.length > 0)
    this.#thinking = thinking
    this.#reasoning = opensReasoning
    this.#stops = new StopStrings(stop)
    this.#toolCalls = new ToolCallParser(tools)
  }

  /** How many tool calls the answer holds so far. */
  get toolCallCount(): number {
    return this.#toolCalls.count
  }

  push(token: number): AnswerDelta {
    if (this.#tokenizer.isAdded(token)) return this.#pushMarkup(token)
    const text = this.#characters.push(this.#tokenizer.bytes(token))
    if (this.#toolCalls.open) {
      this.#toolCalls.text(text)
      return { ...nothing, part: 'tool_call' }
    }
    if (this.#reasoning) {
      const reasoning = this.#thinking ? this.#reasoningTrimmer.push(text) : ''
      return { ...nothing, reasoning, part: 'reasoning' }
    }
    const { text: passed, stopped } = this.#stops.push(text)
    return { ...nothing, content: this.#contentTrimmer.push(passed), stopped, part: 'content' }
  }

  /**
   * What was still held back. After a stop string there is nothing.
   * @param cut whether the answer was cut by its length: an open tool call then stays open, as it is
   */
  end(cut: boolean): AnswerDelta {
    const content = this.#contentTrimmer.push(this.#stops.end())
    return { ...nothing, content, toolCalls: cut ? [] : this.#toolCalls.end() }
  }

  /** No character spans a special token: what is unfinished before one is dropped. */
  #pushMarkup(token: number): AnswerDelta {
    this.#characters.reset()
    const markup = this.#markup.get(token)
    if (markup === undefined) return nothing
    if (markup === '<think>' || markup === '</think>') {
      this.#reasoning = markup === '<think>'
      return nothing
    }
    return { ...nothing, toolCalls: this.#toolCalls.markup(markup), part: 'tool_call' }
  }
}

type Markup = '<think>' | '</think>' | ToolMarkup

const nothing: AnswerDelta = { content: '', reasoning: '', toolCalls: [], stopped: false, part: null }

function markupTokens(tokenizer: Tokenizer, withTools: boolean): ReadonlyMap<number, Markup> {
  const spellings: readonly Markup[] = ['<think>', '</think>', ...(withTools ? toolMarkup : [])]
  return new Map(
    spellings.flatMap((spelling) => {
      const token = tokenizer.addedToken(spelling)
      return token === null ? [] : [[token, spelling] as const]
    }),
  )
}
