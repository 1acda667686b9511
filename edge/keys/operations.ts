import type { Demand, KeyLimits } from '../limits/amounts.ts'
import type { HeldLease } from '../limits/durable-ledger.ts'
import type { Credentials } from './check-access.ts'
import type { KeySettings } from './key-record.ts'

/** What the edge asks of a key's object. Several travel in one call; each is decided alone, in order. */
export type KeyOperation =
  | {
      readonly type: 'admit'
      /** Chosen by the asker: asking again with it takes nothing more. */
      readonly leaseId: string
      readonly who: Credentials
      /** null: whatever is served. */
      readonly model: string | null
      readonly demand: Demand
    }
  /** Whether these credentials may use the key; takes nothing. */
  | { readonly type: 'identify'; readonly who: Credentials }
  | { readonly type: 'extend'; readonly leaseId: string; readonly extra: Demand }
  | { readonly type: 'renew'; readonly lease: HeldLease }
  /** `use` null: it lives on in jobs, which count what they use. */
  | { readonly type: 'settle'; readonly lease: HeldLease; readonly use: Use | null }

/** What a request really took. */
export interface Use {
  readonly promptTokens: number
  readonly completionTokens: number
  readonly images: number
  readonly imageBytes: number
  readonly pixels: number
}

export type KeyAnswer =
  | {
      readonly type: 'granted'
      readonly tenant: string
      /** Steady time of the key's clock. */
      readonly atMs: number
      readonly reports: readonly LimitReport[]
    }
  | {
      readonly type: 'refused'
      readonly code: 'invalid_api_key' | 'permission_denied' | 'rate_limit_exceeded' | 'quota_exceeded'
      readonly message: string
      readonly retryAfterMs: number | null
      readonly reports: readonly LimitReport[]
    }
  /** The lease has ended: its holder must stop. */
  | { readonly type: 'no_lease' }

/** The state of one limit, for the answer's headers. */
export interface LimitReport {
  readonly name: keyof KeyLimits
  readonly limit: number
  readonly remaining: number
  /** Until more than `remaining` is there, and until all is. */
  readonly nextMs: number
  readonly fullMs: number
}

/** The operator's spelling of limits, in the ledger's. */
export function toKeyLimits(limits: KeySettings['limits']): KeyLimits {
  return {
    requestsPerMinute: limits.requests_per_minute,
    tokensPerMinute: limits.tokens_per_minute,
    imageBytesPerMinute: limits.image_bytes_per_minute,
    pixelsPerMinute: limits.pixels_per_minute,
    concurrentRequests: limits.concurrent_requests,
    tokensPerDay: limits.tokens_per_day,
    tokensPerMonth: limits.tokens_per_month,
  }
}
