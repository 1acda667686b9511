import * as library from '@huggingface/tokenizers'

interface SplitPreTokenizer {
  readonly pattern: RegExp | null
}

// The package's declarations leave out file extensions, which Node's module resolution does not forgive: the class is
// there, its type is not.
const { SplitPreTokenizer } = library as unknown as {
  SplitPreTokenizer: new (config: { pattern: { Regex: string }; invert: boolean }) => SplitPreTokenizer
}

/** A tokenizer's splitting pattern, written for Oniguruma, as a JavaScript pattern. */
export function splitPattern(source: string): RegExp | null {
  return new SplitPreTokenizer({ pattern: { Regex: source }, invert: false }).pattern
}
