import type { RowSampling } from '../engine/runner.ts'

export type PenaltyOptions = Pick<
  RowSampling,
  'repetitionPenalty' | 'presencePenalty' | 'frequencyPenalty' | 'promptLength'
>

/** Makes tokens that came before less likely. O(history), whatever the vocabulary. */
export class Penalties {
  /** Per token: the call that last met it. */
  readonly #met: Uint32Array
  #call = 0

  constructor(vocabSize: number) {
    this.#met = new Uint32Array(vocabSize)
  }

  static isNone({ repetitionPenalty, presencePenalty, frequencyPenalty }: PenaltyOptions): boolean {
    return repetitionPenalty === 1 && presencePenalty === 0 && frequencyPenalty === 0
  }

  /** @param logits [vocab], changed in place @param history prompt and answer so far */
  apply(logits: Float32Array, history: Int32Array, options: PenaltyOptions): void {
    const { repetitionPenalty, presencePenalty, frequencyPenalty, promptLength } = options
    this.#forEachDistinct(history, (token) => {
      const logit = logits[token] as number // a token is an index of the vocabulary
      logits[token] = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty
    })
    const answer = history.subarray(promptLength)
    for (const token of answer) logits[token] = (logits[token] as number) - frequencyPenalty
    this.#forEachDistinct(answer, (token) => {
      logits[token] = (logits[token] as number) - presencePenalty
    })
  }

  #forEachDistinct(tokens: Int32Array, visit: (token: number) => void): void {
    this.#call = (this.#call + 1) >>> 0
    for (const token of tokens) {
      if (this.#met[token] === this.#call) continue
      this.#met[token] = this.#call
      visit(token)
    }
  }
}
