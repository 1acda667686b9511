import type { Tokenizer } from '../chat/tokenizer.ts'

/**
 * What each token writes, for constraining texts: null for special and added tokens and for the model's padding beyond
 * the tokenizer, none of which a constrained text may contain.
 * @param vocabSize tokens the model has logits for
 */
export function tokenBytes(tokenizer: Tokenizer, vocabSize: number): (Uint8Array | null)[] {
  return Array.from({ length: vocabSize }, (_, token) => {
    if (token >= tokenizer.vocabSize || tokenizer.isAdded(token)) return null
    const bytes = tokenizer.bytes(token)
    return bytes.length === 0 ? null : bytes
  })
}
