import type { Look } from './look.ts'

/** A picture to be drawn, as HTML for a box of its size. */
export interface Drawing {
  readonly widthPx: number
  readonly heightPx: number
  readonly look: Look
  readonly html: string
}

/** A case before its pictures have names. */
export interface Draft {
  readonly task: string
  readonly prompt: string
  readonly answer: string
  readonly drawings: readonly Drawing[]
}

export const SMALLEST_PX = 112
export const LARGEST_PX = 672

/** A side of a picture for content of this size, or null when it does not fit. */
export function side(contentPx: number, slackPx: number): number | null {
  const wanted = Math.ceil(contentPx + slackPx)
  if (contentPx > LARGEST_PX) return null
  return Math.min(LARGEST_PX, Math.max(SMALLEST_PX, wanted))
}
