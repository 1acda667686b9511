import { z } from '@hono/zod-openapi'
import { ApiError } from '../../shared/errors.ts'
import { shareImageTokens } from '../../shared/image-tokens.ts'
import type { SizedPicture } from './picture.ts'

/** What the edge must know of the model served, to tell a request's cost before it runs. The backend's own numbers. */
export const modelProfile = z.strictObject({
  /** Tokens of prompt and answer together (`--max-context-length`). */
  maxContextLength: z.int().min(64),
  /** `--max-image-tokens`. */
  maxImageTokens: z.int().min(1),
  /** The preprocessor's: patch size times merge size, temporal patch size, bounds on pixels. */
  resize: z.strictObject({
    factor: z.int().min(1),
    temporal: z.int().min(1),
    minPixels: z.int().min(1),
    maxPixels: z.int().min(1),
  }),
})

export type ModelProfile = z.infer<typeof modelProfile>

/** More than a template adds to the messages: role marks, image marks, the opening of the answer. */
const templateTokens = 64
/** Tools are explained to the model at length, and printed with their characters escaped. */
const toolTemplateTokens = 2048
const toolEscapes = 2

export interface CostInput {
  /** UTF-8 bytes of the request's JSON: no byte-level tokenizer makes more tokens than bytes. */
  readonly textBytes: number
  readonly hasTools: boolean
  readonly pictures: readonly SizedPicture[]
  readonly maxNewTokens: number
  readonly answers: number
}

/** Tokens a request can never exceed, prompt and answers together. */
export function maxTokensOf(input: CostInput, model: ModelProfile): number {
  const { maxNewTokens, answers } = input
  const most = model.maxContextLength
  const prompt = Math.min(most, textTokensOf(input) + imageTokensOf(input.pictures, model))
  const answer = Math.min(most, maxNewTokens)
  return answers === 1 ? Math.min(most, prompt + answer) : prompt + answers * answer
}

function textTokensOf({ textBytes, hasTools }: CostInput): number {
  return hasTools ? textBytes * toolEscapes + toolTemplateTokens : textBytes + templateTokens
}

/**
 * Exact tokens of the pictures.
 * @throws ApiError `invalid_image`, `context_length_exceeded`
 */
function imageTokensOf(pictures: readonly SizedPicture[], model: ModelProfile): number {
  const sizes = pictures.map(({ size }) => size)
  const costs = shareImageTokens(sizes, model.resize, model.maxImageTokens)
  switch (costs.type) {
    case 'too_long':
      throw new ApiError(
        'invalid_image',
        'the picture is more than 200 times as long as wide',
        paramOf(pictures[costs.index]),
      )
    case 'too_many': {
      const message = `the pictures take at least ${costs.least} tokens, at most ${model.maxImageTokens} are left for them`
      throw new ApiError('context_length_exceeded', message, paramOf(pictures[0]))
    }
    case 'fits':
      return costs.images.reduce((sum, { tokens }) => sum + tokens, 0)
  }
}

function paramOf(picture: SizedPicture | undefined): { param?: string } {
  return picture ? { param: picture.param } : {}
}
