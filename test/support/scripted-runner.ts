import { strict as assert } from 'node:assert'
import type { Chat } from '../../backend/chat/chat.ts'
import type { ModelRunner, Row, Sampled } from '../../backend/engine/runner.ts'

export interface ScriptedRunnerOptions {
  readonly slots: number
  readonly maxLength: number
  readonly chat: Chat
  /** Spellings that are tokens in a script, as a model would write them. */
  readonly addedTokens: ReadonlyMap<string, number>
  readonly eos: number
}

/** A model that writes the answers it was told, in the order the requests begin; then it ends its turn. */
export class ScriptedRunner implements ModelRunner {
  readonly vocabSize: number
  readonly featureBytesPerToken = 4
  readonly slots: number
  readonly maxLength: number
  readonly lost = new Promise<never>(() => {})
  /** What it was asked, as text. */
  readonly prompts: string[] = []
  /** Awaited before every step: whoever replaces it decides when the model goes on. */
  gate: Promise<unknown> = Promise.resolve()
  readonly #options: ScriptedRunnerOptions
  readonly #scripts: number[][] = []
  readonly #entries = new Map<number, number[]>()
  readonly #answers = new Map<number, readonly number[]>()

  constructor(options: ScriptedRunnerOptions) {
    this.#options = options
    this.slots = options.slots
    this.maxLength = options.maxLength
    this.vocabSize = options.chat.tokenizer.vocabSize
  }

  /** One answer for each of the next requests. */
  says(...answers: readonly string[]) {
    this.#scripts.push(...answers.map((answer) => this.tokens(answer)))
  }

  /** The tokens a model would write for this text. */
  tokens(text: string): number[] {
    const { addedTokens, chat } = this.#options
    const spellings = [...addedTokens.keys()].map((spelling) => spelling.replaceAll(/[|[\]]/g, '\\$&'))
    return text
      .split(new RegExp(`(${spellings.join('|')})`))
      .flatMap((piece) => addedTokens.get(piece) ?? chat.tokenizer.encode(piece))
  }

  encode(): Promise<void> {
    return Promise.resolve()
  }

  release(): void {}

  close(): Promise<void> {
    return Promise.resolve()
  }

  async step(rows: readonly Row[]): Promise<(Sampled | null)[]> {
    await this.gate
    return rows.map((row) => this.#feed(row))
  }

  #feed({ slot, start, tokens, sampling }: Row): Sampled | null {
    const entries = [...(this.#entries.get(slot) ?? []).slice(0, start), ...tokens]
    this.#entries.set(slot, entries)
    if (sampling === null) return null
    const written = entries.length - sampling.promptLength
    if (written === 0) this.#begin(slot, entries)
    const token = this.#answers.get(slot)?.[written] ?? this.#options.eos
    return { token, logprobs: sampling.logprobs === null ? null : this.#logprobs(token, sampling.logprobs) }
  }

  #begin(slot: number, prompt: readonly number[]) {
    const { tokenizer } = this.#options.chat
    this.prompts.push(Buffer.concat(prompt.map((token) => tokenizer.bytes(token))).toString())
    const script = this.#scripts.shift()
    assert(script !== undefined, 'every request has its answer')
    this.#answers.set(slot, script)
  }

  /** Sure of itself: the chosen token, then its neighbours, each half as likely as the one before. */
  #logprobs(token: number, top: number) {
    const logprob = (rank: number) => (rank + 1) * Math.log(0.5)
    const ranked = Array.from({ length: top }, (_, rank) => ({ token: token + rank, logprob: logprob(rank) }))
    return { chosen: logprob(0), top: ranked }
  }
}
