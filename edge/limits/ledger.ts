import {
  type Amounts,
  type Demand,
  type Dimension,
  dimensions,
  type KeyLimits,
  minuteLimit,
} from './amounts.ts'
import type { Detached } from './detached.ts'
import { MinuteWindow } from './minute-window.ts'
import { type Periods, periodEndMs, periodsOf, QuotaPeriods } from './quota-periods.ts'
import { SteadyClock } from './steady-clock.ts'

/** A lease not renewed for this long has ended: whoever held it is gone. */
export const leaseTtlMs = 30_000

/** A slot of one key, and what was reserved with it. */
export interface Lease {
  readonly id: string
  /** What was taken, oldest first, each with its second of the steady clock. */
  readonly parts: readonly { readonly second: number; readonly demand: Demand }[]
  /** The calendar periods all of it counts in. */
  readonly periods: Periods
  readonly expiresMs: number
}

export type Refusal =
  /** Asks for more than the limit ever allows. */
  | { readonly type: 'never'; readonly limit: keyof KeyLimits; readonly most: number; readonly asked: number }
  | { readonly type: 'rate'; readonly limit: keyof KeyLimits; readonly retryAfterMs: number }
  | { readonly type: 'concurrency'; readonly most: number; readonly retryAfterMs: number }
  | {
      readonly type: 'quota'
      readonly limit: 'tokensPerDay' | 'tokensPerMonth'
      readonly retryAfterMs: number
    }

/** All of a ledger that a restart must not lose; plain JSON. */
export interface LedgerState {
  readonly lastMs: number
  readonly buckets: readonly (readonly [number, Amounts])[]
  readonly leases: readonly Lease[]
}

const noDemand: Demand = { tokens: 0, imageBytes: 0, pixels: 0 }

/** A slot comes free when some answer ends, which nobody can tell; a second is a fair first try. */
const concurrencyRetryMs = 1000

/**
 * Decides what one key may do. Every upper bound is taken before work starts and corrected when its true cost is
 * known, so whatever the order of requests, no limit is ever exceeded. No I/O and no clock: `wallMs` is passed in.
 */
export class Ledger {
  readonly #clock: SteadyClock
  readonly #window: MinuteWindow
  readonly #quota: QuotaPeriods
  // Renewing moves a lease to the end and all live equally long: the first to expire comes first.
  readonly #leases: Map<string, Lease>

  constructor(state: LedgerState, periods: Iterable<readonly [string, number]>) {
    this.#clock = new SteadyClock(state.lastMs)
    this.#window = new MinuteWindow(state.buckets)
    this.#quota = new QuotaPeriods(periods)
    this.#leases = new Map(state.leases.map((lease) => [lease.id, lease]))
  }

  get leaseCount() {
    return this.#leases.size
  }

  get steadyMs() {
    return this.#clock.lastMs
  }

  minuteUse(dimension: Dimension): number {
    return this.#window.sum[dimension]
  }

  quotaUse(period: string): number {
    return this.#quota.get(period)
  }

  hasLease(id: string): boolean {
    return this.#leases.has(id)
  }

  /** Whether there is such a lease, and what it reserved has not been detached. */
  reserves(id: string): boolean {
    return (this.#leases.get(id)?.parts.length ?? 0) > 0
  }

  /** Takes the whole demand and a lease, or nothing and says why. */
  admit(id: string, demand: Demand, limits: KeyLimits, wallMs: number): Refusal | null {
    this.advance(wallMs)
    const periods = periodsOf(wallMs)
    const amounts = { requests: 1, ...demand }
    const refusal = this.#refusal(amounts, limits, periods, wallMs) ?? this.#concurrencyRefusal(limits)
    if (refusal) return refusal
    this.take(amounts, periods)
    this.hold(id, demand, periods)
    return null
  }

  /** Adds to what a lease has reserved, as when a picture's size is known only after it was fetched. */
  extend(id: string, extra: Demand, limits: KeyLimits, wallMs: number): Refusal | 'no_lease' | null {
    const nowMs = this.advance(wallMs)
    const lease = this.#leases.get(id)
    if (!lease) return 'no_lease'
    const amounts = { requests: 0, ...extra }
    const refusal = this.#refusal(amounts, limits, lease.periods, wallMs)
    if (refusal) return refusal
    this.take(amounts, lease.periods)
    this.#leases.set(id, { ...lease, parts: [...lease.parts, { second: secondOf(nowMs), demand: extra }] })
    return null
  }

  /** Keeps a lease alive; false when it has ended and its holder must stop. */
  renew(id: string, wallMs: number): boolean {
    const nowMs = this.advance(wallMs)
    const lease = this.#leases.get(id)
    if (!lease) return false
    this.#leases.delete(id)
    this.#leases.set(id, { ...lease, expiresMs: nowMs + leaseTtlMs })
    return true
  }

  /** Ends a lease and replaces what it reserved by what was used. False when it had ended already: that charge stands. */
  settle(id: string, used: Demand, wallMs: number): boolean {
    this.advance(wallMs)
    const lease = this.#leases.get(id)
    if (!lease) return false
    this.#leases.delete(id)
    this.#correct(lease.parts, lease.periods, used)
    return true
  }

  /**
   * Takes what a lease reserved out of it, for `jobs` jobs that outlive it: from here on the lease holds its slot alone.
   * All of it counts as taken now, each job as one request.
   */
  detach(
    id: string,
    jobs: number,
    limits: KeyLimits,
    wallMs: number,
  ): Refusal | 'no_lease' | Pick<Detached, 'second' | 'periods'> {
    const nowMs = this.advance(wallMs)
    const lease = this.#leases.get(id)
    if (!lease) return 'no_lease'
    const { parts, periods } = lease
    const { requestsPerMinute: most } = limits
    if (most !== null && jobs > most) return { type: 'never', limit: 'requestsPerMinute', most, asked: jobs }
    // A slow request may have left the minute it was counted in; its periods count it still.
    const gone = reservedOf(parts.filter(({ second }) => !this.#window.counts(second)))
    const refusal = longest(this.#minuteRefusals({ requests: jobs - 1, ...gone }, limits))
    if (refusal) return refusal
    for (const { second, demand } of parts) this.#window.giveBack(second, { requests: 0, ...demand })
    const second = secondOf(nowMs)
    this.#window.take(second, { requests: jobs - 1, ...reservedOf(parts) })
    this.#leases.set(id, { ...lease, parts: [] })
    return { second, periods }
  }

  /** Replaces what was reserved apart from any lease by what was used. The caller sees to it that this happens once. */
  settleDetached({ demand, second, periods }: Detached, used: Demand, wallMs: number) {
    this.advance(wallMs)
    this.#correct([{ second, demand }], periods, used)
  }

  /** Moves the clock on and lets go of what has passed. Returns the steady time. */
  advance(wallMs: number): number {
    const nowMs = this.#clock.read(wallMs)
    this.#window.advance(secondOf(nowMs))
    for (const [id, lease] of this.#leases) {
      if (lease.expiresMs > nowMs) break
      this.#leases.delete(id)
    }
    return nowMs
  }

  /** Counts amounts as taken now. */
  take(amounts: Amounts, periods: Periods) {
    this.#window.take(secondOf(this.#clock.lastMs), amounts)
    this.#quota.add(periods, amounts.tokens)
  }

  /** Holds a lease whose demand is already counted, as taken at `second`. */
  hold(id: string, demand: Demand, periods: Periods, second = secondOf(this.#clock.lastMs)) {
    const expiresMs = this.#clock.lastMs + leaseTtlMs
    this.#leases.set(id, { id, parts: [{ second, demand }], periods, expiresMs })
  }

  release(id: string) {
    this.#leases.delete(id)
  }

  takeTouchedPeriods(): [string, number][] {
    return this.#quota.takeTouched()
  }

  /** Steady milliseconds until use in `dimension` next shrinks, and until none is left. */
  resets(dimension: Dimension): { nextMs: number; fullMs: number } {
    const used = this.#window.sum[dimension]
    if (used === 0) return { nextMs: 0, fullMs: 0 }
    return { nextMs: this.#waitMs(dimension, 1), fullMs: this.#waitMs(dimension, used) }
  }

  state(): LedgerState {
    return { lastMs: this.#clock.lastMs, buckets: this.#window.entries(), leases: [...this.#leases.values()] }
  }

  #correct(parts: Lease['parts'], periods: Periods, used: Demand) {
    const reserved = reservedOf(parts)
    this.#quota.add(periods, used.tokens - reserved.tokens)
    const overrun = mapDemand((unit) => Math.max(0, used[unit] - reserved[unit]))
    this.#window.take(secondOf(this.#clock.lastMs), { requests: 0, ...overrun })
    // The oldest part is given back first: what was used then counts for longest.
    let left = mapDemand((unit) => Math.max(0, reserved[unit] - used[unit]))
    for (const { second, demand } of parts) {
      const back = mapDemand((unit) => Math.min(demand[unit], left[unit]))
      this.#window.giveBack(second, { requests: 0, ...back })
      left = mapDemand((unit) => left[unit] - back[unit])
    }
  }

  #refusal(demand: Amounts, limits: KeyLimits, periods: Periods, wallMs: number): Refusal | null {
    return longest([
      ...this.#minuteRefusals(demand, limits),
      this.#quotaRefusal('tokensPerDay', periods.day, demand.tokens, limits, wallMs),
      this.#quotaRefusal('tokensPerMonth', periods.month, demand.tokens, limits, wallMs),
    ])
  }

  #minuteRefusals(demand: Amounts, limits: KeyLimits): (Refusal | null)[] {
    return dimensions.map((dimension) => this.#minuteRefusal(dimension, demand[dimension], limits))
  }

  #minuteRefusal(dimension: Dimension, asked: number, limits: KeyLimits): Refusal | null {
    const most = minuteLimit(limits, dimension)
    if (most === null || asked === 0) return null
    if (asked > most) return { type: 'never', limit: `${dimension}PerMinute`, most, asked }
    const excess = this.#window.sum[dimension] + asked - most
    if (excess <= 0) return null
    return { type: 'rate', limit: `${dimension}PerMinute`, retryAfterMs: this.#waitMs(dimension, excess) }
  }

  #concurrencyRefusal({ concurrentRequests: most }: KeyLimits): Refusal | null {
    if (most === null || this.#leases.size < most) return null
    return { type: 'concurrency', most, retryAfterMs: concurrencyRetryMs }
  }

  #quotaRefusal(
    limit: 'tokensPerDay' | 'tokensPerMonth',
    period: string,
    asked: number,
    limits: KeyLimits,
    wallMs: number,
  ): Refusal | null {
    const most = limits[limit]
    if (most === null || asked === 0) return null
    if (asked > most) return { type: 'never', limit, most, asked }
    if (this.#quota.get(period) + asked <= most) return null
    return { type: 'quota', limit, retryAfterMs: Math.max(0, periodEndMs(period) - wallMs) }
  }

  #waitMs(dimension: Dimension, amount: number): number {
    const nowMs = this.#clock.lastMs
    return this.#window.freedAt(dimension, amount, secondOf(nowMs)) * 1000 - nowMs
  }
}

function reservedOf(parts: Lease['parts']): Demand {
  return parts.map(({ demand }) => demand).reduce(plus, noDemand)
}

function secondOf(ms: number): number {
  return Math.floor(ms / 1000)
}

/** The longest wait is the honest one: after it, none of the others holds. */
function longest(refusals: readonly (Refusal | null)[]): Refusal | null {
  const real = refusals.filter((refusal) => refusal !== null)
  return real.toSorted((a, b) => wait(b) - wait(a))[0] ?? null
}

function wait(refusal: Refusal): number {
  return refusal.type === 'never' ? Number.POSITIVE_INFINITY : refusal.retryAfterMs
}

function mapDemand(amount: (unit: keyof Demand) => number): Demand {
  return { tokens: amount('tokens'), imageBytes: amount('imageBytes'), pixels: amount('pixels') }
}

function plus(a: Demand, b: Demand): Demand {
  return mapDemand((unit) => a[unit] + b[unit])
}
