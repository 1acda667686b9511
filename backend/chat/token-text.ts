import type { Tokenizer } from './tokenizer.ts'

/** A token as OpenAI's logprobs show it: part of a character reads U+FFFD in `token`, and exactly in `bytes`. */
export function tokenText(tokenizer: Tokenizer, token: number): { token: string; bytes: number[] } {
  const bytes = tokenizer.bytes(token)
  return { token: lossy.decode(bytes), bytes: [...bytes] }
}

const lossy = new TextDecoder('utf-8', { ignoreBOM: true })
