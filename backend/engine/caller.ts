/** On whose behalf a sequence runs. Without keys all callers are one; with `--api-key` each key is one; behind the edge, the signed tenant. */
export interface Caller {
  /** Salts every cache and decides fair shares. Never a key itself: a digest or a tenant id. */
  readonly id: string
  /** Moment the answer is worthless, in ms since the epoch; null: no deadline. */
  readonly deadlineMs: number | null
}
