import { readFileSync } from 'node:fs'

/** What each token of a vocabulary writes; null: nothing, it is special. */
export interface TokenTable {
  readonly name: string
  readonly tokenBytes: readonly (Uint8Array | null)[]
  readonly eosTokens: readonly number[]
}

interface TokenizerFile {
  readonly added_tokens: readonly { readonly id: number }[]
  readonly model: { readonly vocab: Readonly<Record<string, number>> }
}

/** The vocabulary of a byte-level `tokenizer.json`. */
export function tokenTableOf(name: string, tokenizerFile: string, configFile: string): TokenTable {
  // files of our own making, checked when the model is loaded to serve
  const tokenizer: TokenizerFile = JSON.parse(readFileSync(tokenizerFile, 'utf8'))
  const config: { text_config: { vocab_size: number; eos_token_id: number[] } } = JSON.parse(
    readFileSync(configFile, 'utf8'),
  )
  const { vocab_size: size, eos_token_id: eosTokens } = config.text_config
  const bytesByChar = byteLevelAlphabet()
  const tokenBytes: (Uint8Array | null)[] = Array.from({ length: size }, () => null)
  for (const [text, id] of Object.entries(tokenizer.model.vocab)) {
    tokenBytes[id] = Uint8Array.from(text, (char) => bytesByChar.get(char) ?? 0)
  }
  for (const { id } of tokenizer.added_tokens) tokenBytes[id] = null
  return { name, tokenBytes, eosTokens }
}

/** GPT-2's way to write bytes as printable characters: those that are stay, the others move to U+0100 and up. */
function byteLevelAlphabet(): Map<string, number> {
  const alphabet = new Map<string, number>()
  let moved = 0
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad)
    alphabet.set(String.fromCodePoint(printable ? byte : 0x100 + moved), byte)
    if (!printable) moved++
  }
  return alphabet
}

/** Splits text into the longest tokens there are, from left to right. */
export function greedyTokenizer({ tokenBytes }: TokenTable): (text: string) => number[] {
  const byText = new Map<string, number>()
  const longestByStart = new Map<string, number>()
  tokenBytes.forEach((bytes, token) => {
    if (bytes === null) return
    const text = Buffer.from(bytes).toString('latin1')
    byText.set(text, token)
    const start = text.slice(0, 2)
    longestByStart.set(start, Math.max(text.length, longestByStart.get(start) ?? 0))
  })
  return (text) => {
    const bytes = Buffer.from(text).toString('latin1')
    const tokens: number[] = []
    for (let at = 0; at < bytes.length; ) {
      let length = longestByStart.get(bytes.slice(at, at + 2)) ?? 1
      while (length > 1 && !byText.has(bytes.slice(at, at + length))) length--
      tokens.push(byText.get(bytes.slice(at, at + length)) ?? 0)
      at += length
    }
    return tokens
  }
}
