import type { Demand } from '../limits/amounts.ts'
import type { DurableLedger } from '../limits/durable-ledger.ts'
import type { Refusal } from '../limits/ledger.ts'
import type { AccessRefusal } from './check-access.ts'
import { explainRefusal } from './explain-refusal.ts'
import type { KeyRecord } from './key-record.ts'
import type { KeyAnswer, LimitReport, Use } from './operations.ts'

/** Nobody reads the limits of a lease that goes on or has ended. */
export const done: KeyAnswer = { type: 'granted', tenant: '', atMs: 0, reports: [] }

/** What the ledger decided, as the asker is told. */
export function answerOf(
  refusal: Refusal | null,
  { tenant }: KeyRecord,
  { steadyMs }: DurableLedger,
  reports: readonly LimitReport[],
): KeyAnswer {
  if (refusal) return { type: 'refused', ...explainRefusal(refusal), reports }
  return { type: 'granted', tenant, atMs: steadyMs, reports }
}

/** @param denied null: there is no such key, which is told like a wrong one */
export function refusedAccess(denied: AccessRefusal | null): KeyAnswer {
  const { code, message } = denied ?? { code: 'invalid_api_key', message: 'this API key is not valid' }
  return { type: 'refused', code, message, retryAfterMs: null, reports: [] }
}

/** What was used, in the ledger's units. */
export function demandOf(use: Use | null): Demand {
  if (use === null) return { tokens: 0, imageBytes: 0, pixels: 0 }
  return {
    tokens: use.promptTokens + use.completionTokens,
    imageBytes: use.imageBytes,
    pixels: use.pixels,
  }
}
