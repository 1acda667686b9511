import { ask, freshPrompt } from './ask.ts'
import { freshPicture } from './picture.ts'

export interface FirstToken {
  /** Milliseconds from the question to its one-token answer. */
  readonly coldMs: number
  /** Another question about the same picture. */
  readonly repeatedMs: number
  /** Of it, spent in the vision encoder, and prompt tokens that were not read again. */
  readonly repeatedVisionMs: number
  readonly repeatedCachedTokens: number
}

/** A picture nobody has seen, then another question about it. */
export async function firstToken(url: string): Promise<FirstToken> {
  const image = await freshPicture()
  const cold = await ask(url, { image, prompt: freshPrompt(8), maxNewTokens: 1 })
  const repeated = await ask(url, { image, prompt: freshPrompt(8), maxNewTokens: 1 })
  return {
    coldMs: cold.totalMs,
    repeatedMs: repeated.totalMs,
    repeatedVisionMs: repeated.stages['vision'] ?? Number.NaN,
    repeatedCachedTokens: repeated.cachedTokens,
  }
}
