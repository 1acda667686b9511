import type { CaseReport } from './measure-case.ts'

/** What fp32 must hold to; lower precisions report their distance without a bound. */
export const tolerances = {
  /** Share of the pixels' values within one level, and the largest distance in levels, for lossless pictures. */
  pixelsWithinOne: 0.999,
  pixelsLargest: 2,
  /** Largest difference over the range of the expected values. */
  features: 1e-3,
  logits: 2e-3,
} as const

/** What is out of tolerance in a report, in words; empty when nothing is. */
export function violations({
  pixels,
  features,
  idsEqual,
  positionsEqual,
  logits,
  tokens,
}: CaseReport): string[] {
  const found: string[] = []
  if (pixels !== null && pixels.withinOne < tolerances.pixelsWithinOne) found.push('pixels')
  if (pixels !== null && pixels.largest > tolerances.pixelsLargest) found.push('largest pixel')
  if (features !== null && !(features <= tolerances.features)) found.push('features')
  if (!idsEqual) found.push('ids')
  if (!positionsEqual) found.push('positions')
  if (!(logits <= tolerances.logits)) found.push('logits')
  if (tokens.different > 0) found.push('tokens')
  return found
}
