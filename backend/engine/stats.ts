/** Totals since the start; they only grow. */
export interface Counters {
  submitted: number
  refused: number
  stopped: number
  filled: number
  /** Left by their caller, waiting or running. */
  cancelled: number
  expired: number
  failed: number
  promptTokens: number
  /** Prompt tokens found in a slot. */
  cachedTokens: number
  generatedTokens: number
  prefixQueries: number
  prefixHits: number
  encodeSteps: number
  prefillSteps: number
  decodeSteps: number
  /** Rows of all decode steps; over `decodeSteps` it is the mean batch. */
  decodeRows: number
  failedSteps: number
  encodeMs: number
  prefillMs: number
  decodeMs: number
  /** Times the runner was replaced. */
  restarts: number
}

/** Why a request was turned away at the door. */
const refusalReasons = ['queue_full', 'rate_limit_exceeded', 'draining', 'worker_restarting'] as const
export type RefusalReason = (typeof refusalReasons)[number]

export type EngineState = 'serving' | 'restarting' | 'draining' | 'failed' | 'closed'

export interface EngineStats {
  readonly state: EngineState
  readonly running: number
  readonly waiting: number
  /** Callers with a request that waits or runs. */
  readonly callers: number
  readonly slots: number
  readonly freeSlots: number
  /** Share, 0 to 1, of the KV cache's entries that running requests fill. */
  readonly kvUse: number
  readonly featureBytes: number
  readonly featureHits: number
  readonly featureMisses: number
  /** How long the step in flight has been running; null: none is. */
  readonly stepAgeMs: number | null
  readonly counters: Readonly<Counters>
  /** What `counters.refused` consists of. */
  readonly refusals: Readonly<Record<RefusalReason, number>>
}

export function emptyCounters(): Counters {
  return {
    submitted: 0,
    refused: 0,
    stopped: 0,
    filled: 0,
    cancelled: 0,
    expired: 0,
    failed: 0,
    promptTokens: 0,
    cachedTokens: 0,
    generatedTokens: 0,
    prefixQueries: 0,
    prefixHits: 0,
    encodeSteps: 0,
    prefillSteps: 0,
    decodeSteps: 0,
    decodeRows: 0,
    failedSteps: 0,
    encodeMs: 0,
    prefillMs: 0,
    decodeMs: 0,
    restarts: 0,
  }
}

export function emptyRefusals(): Record<RefusalReason, number> {
  return { queue_full: 0, rate_limit_exceeded: 0, draining: 0, worker_restarting: 0 }
}
