import assert from 'node:assert/strict'
import type { Grid } from '../model/patches.ts'
import { ropePositions } from './rope-positions.ts'

export interface ExpandedPrompt {
  /** One image token per merged patch. */
  readonly tokens: readonly number[]
  /** i32 [3, tokens.length], axis by axis: temporal, height, width. */
  readonly positions: Int32Array
  /** Position, on all three axes, of the first generated token. */
  readonly nextPosition: number
  /** The pictures' image tokens, in order. */
  readonly images: readonly { readonly offset: number; readonly count: number }[]
}

export interface DraftOptions {
  readonly imageToken: number
  /** Side of the block of patches that becomes one token. */
  readonly mergeSize: number
  readonly opensReasoning: boolean
}

/**
 * A prompt whose pictures are not measured yet: each stands as one image token. It tells the exact cost as soon as the
 * grids are known, before any picture is decoded, and expands to what the engine takes.
 */
export class PromptDraft {
  /** How many pictures the prompt holds. */
  readonly images: number
  /** Tokens beside the pictures' own. */
  readonly textTokens: number
  /** Whether the template has already opened the reasoning, so that the answer starts inside it. */
  readonly opensReasoning: boolean
  readonly #tokens: readonly number[]
  readonly #imageToken: number
  readonly #mergeSize: number

  constructor(tokens: readonly number[], { imageToken, mergeSize, opensReasoning }: DraftOptions) {
    this.#tokens = tokens
    this.#imageToken = imageToken
    this.#mergeSize = mergeSize
    this.opensReasoning = opensReasoning
    this.images = tokens.filter((token) => token === imageToken).length
    this.textTokens = tokens.length - this.images
  }

  /** Exact length of the prompt with pictures of these grids (in patches). */
  countTokens(grids: readonly Grid[]): number {
    return grids.reduce((sum, grid) => sum + area(this.#merge(grid)), this.textTokens)
  }

  /** @param grids one per picture, in order, in patches */
  expand(grids: readonly Grid[]): ExpandedPrompt {
    assert(grids.length === this.images, 'every picture of the prompt has its grid')
    const remaining = grids.map((grid) => this.#merge(grid)).values()
    const tokens: number[] = []
    const places = []
    for (const token of this.#tokens) {
      const merged = token === this.#imageToken ? remaining.next().value : undefined
      if (merged === undefined) {
        tokens.push(token)
        continue
      }
      const offset = tokens.length
      for (let i = area(merged); i > 0; i--) tokens.push(token)
      places.push({ offset, merged })
    }
    const { positions, next } = ropePositions(tokens.length, places)
    const images = places.map(({ offset, merged }) => ({ offset, count: area(merged) }))
    return { tokens, positions, nextPosition: next, images }
  }

  #merge({ height, width }: Grid): Grid {
    assert(height % this.#mergeSize === 0 && width % this.#mergeSize === 0, 'grids hold whole blocks')
    return { height: height / this.#mergeSize, width: width / this.#mergeSize }
  }
}

function area({ height, width }: Grid): number {
  return height * width
}
