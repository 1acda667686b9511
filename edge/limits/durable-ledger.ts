import { type Amounts, type Demand, dimensions, type KeyLimits, subtract } from './amounts.ts'
import type { Detached } from './detached.ts'
import { Ledger, type LedgerState, leaseTtlMs, type Refusal } from './ledger.ts'
import { type Periods, periodsOf } from './quota-periods.ts'

/**
 * What is on disk: the ledger as it was, and how much may have been admitted since. After a crash all of that headroom
 * counts as taken, so a restart never opens a limit again; in exchange most admissions need no write.
 */
export interface SavedLedger {
  readonly ledger: LedgerState
  readonly headroom: Headroom | null
}

interface Headroom {
  readonly amounts: Amounts
  /** Which amounts are bounded at all: what has no limit needs no headroom. */
  readonly bounded: Readonly<Record<keyof Amounts, boolean>>
  /** Leases there may be beyond those saved; null: they are not bounded. */
  readonly leases: number | null
  readonly periods: Periods
}

/** What the holder of a lease knows of it, so that a crash of ours cannot lose it. */
export interface HeldLease {
  readonly id: string
  /** All that was reserved for it. */
  readonly demand: Demand
  /** Steady time of its admission. */
  readonly admittedMs: number
}

/** Writes the record, durably before the answer to the admission leaves. */
export type Save = (saved: SavedLedger, periods: readonly [string, number][]) => void

/** How long one headroom serves, and so how old the saved ledger may be, in steady milliseconds. */
const headroomTtlMs = 2000

/** A headroom holds this part of every limit: a crash costs the key no more than that. */
const headroomShare = 64

/** A ledger that survives crashes: no limit is exceeded even if the process dies between any two calls. */
export class DurableLedger {
  readonly #save: Save
  readonly #ledger: Ledger
  /** Leases a crash may have lost, by the ids that stand for them until their holders report. */
  readonly #lost: string[]
  readonly #lostSinceMs: number
  readonly #lostSecond: number
  readonly #lostPeriods: Periods
  readonly #adopted = new Set<string>()
  #left: Headroom | null = null
  #expiresMs = 0
  /** Leases that would count after a restart now: those saved and those that stand for lost ones. */
  #coveredLeases = 0
  #dirty = false

  constructor(saved: SavedLedger, periods: Iterable<readonly [string, number]>, wallMs: number, save: Save) {
    const { ledger, headroom } = saved
    const lastMs = ledger.lastMs + (headroom ? headroomTtlMs : 0)
    // A renewal may have come after the save; none later than a headroom's life after it.
    const renewedMs = ledger.lastMs + headroomTtlMs + leaseTtlMs
    const leases = ledger.leases.map((lease) => ({
      ...lease,
      expiresMs: Math.max(lease.expiresMs, renewedMs),
    }))
    this.#ledger = new Ledger({ ...ledger, lastMs, leases }, periods)
    this.#save = save
    const nowMs = this.#ledger.advance(wallMs)
    this.#lost = Array.from({ length: headroom?.leases ?? 0 }, (_, n) => `lost-${nowMs}-${n}`)
    this.#lostSinceMs = ledger.lastMs
    this.#lostSecond = Math.floor(nowMs / 1000)
    this.#lostPeriods = headroom?.periods ?? periodsOf(wallMs)
    if (!headroom) return
    this.#ledger.take(headroom.amounts, headroom.periods)
    for (const id of this.#lost) this.#ledger.hold(id, noDemand, headroom.periods)
    this.flush(wallMs)
  }

  /** Read-only: what the limits' headers and the usage report tell. */
  get ledger(): Pick<Ledger, 'minuteUse' | 'quotaUse' | 'leaseCount' | 'resets' | 'reserves'> {
    return this.#ledger
  }

  get steadyMs() {
    return this.#ledger.steadyMs
  }

  /** True while something happened that a flush has not written. */
  get dirty() {
    return this.#dirty
  }

  /** Asking twice with one id takes once. */
  admit(id: string, demand: Demand, limits: KeyLimits, wallMs: number): Refusal | null {
    if (this.#ledger.hasLease(id)) return null
    const refusal = this.#ledger.admit(id, demand, limits, wallMs)
    if (!refusal) this.#draw({ requests: 1, ...demand }, limits, wallMs)
    return refusal
  }

  extend(id: string, extra: Demand, limits: KeyLimits, wallMs: number): Refusal | 'no_lease' | null {
    const refusal = this.#ledger.extend(id, extra, limits, wallMs)
    if (!refusal) this.#draw({ requests: 0, ...extra }, limits, wallMs)
    return refusal
  }

  renew(held: HeldLease, wallMs: number): boolean {
    this.#dirty = true
    this.#adopt(held, wallMs)
    const renewed = this.#ledger.renew(held.id, wallMs)
    if (this.#ledger.steadyMs >= this.#expiresMs) this.flush(wallMs)
    return renewed
  }

  settle(held: HeldLease, used: Demand, wallMs: number): boolean {
    this.#dirty = true
    this.#adopt(held, wallMs)
    const settled = this.#ledger.settle(held.id, used, wallMs)
    // What goes beyond the reserve is in no headroom.
    if (used.tokens > held.demand.tokens) this.flush(wallMs)
    return settled
  }

  /**
   * Takes what a lease reserved out of it, for jobs that outlive it. To be flushed in the same step as whoever keeps it
   * writes it down.
   */
  detach(
    held: HeldLease,
    jobs: number,
    limits: KeyLimits,
    wallMs: number,
  ): Refusal | 'no_lease' | Pick<Detached, 'second' | 'periods'> {
    this.#adopt(held, wallMs)
    this.#dirty = true
    return this.#ledger.detach(held.id, jobs, limits, wallMs)
  }

  /** To be flushed in the same step as whoever kept it forgets it. */
  settleDetached(detached: Detached, used: Demand, wallMs: number) {
    this.#dirty = true
    this.#ledger.settleDetached(detached, used, wallMs)
  }

  /** Writes the exact state and no headroom: a restart now would lose nothing. */
  flush(wallMs: number) {
    this.#ledger.advance(wallMs)
    this.#write(null)
  }

  #draw(amounts: Amounts, limits: KeyLimits, wallMs: number) {
    this.#dirty = true
    const periods = periodsOf(wallMs)
    const left = this.#left
    const after = left && { ...left, amounts: subtract(left.amounts, amounts) }
    const current = left?.periods.day === periods.day && this.#ledger.steadyMs < this.#expiresMs
    if (after && current && fits(after) && this.#ledger.leaseCount <= this.#coveredLeases) this.#left = after
    else this.#write(grant(limits, periods))
  }

  #write(headroom: Headroom | null) {
    const ledger = this.#ledger.state()
    this.#left = headroom
    this.#coveredLeases =
      headroom?.leases === null ? Number.POSITIVE_INFINITY : ledger.leases.length + (headroom?.leases ?? 0)
    this.#expiresMs = this.#ledger.steadyMs + headroomTtlMs
    this.#dirty = headroom !== null
    this.#save({ ledger, headroom }, this.#ledger.takeTouchedPeriods())
  }

  /** A lease the crash made us forget, reported by its holder: its part of the lost headroom becomes its own. */
  #adopt({ id, demand, admittedMs }: HeldLease, wallMs: number) {
    this.#ledger.advance(wallMs)
    // Only what was admitted between the save and the crash can be lost; a headroom serves no longer than its life.
    const lost = admittedMs > this.#lostSinceMs && admittedMs < this.#lostSinceMs + headroomTtlMs
    if (!lost || this.#ledger.hasLease(id) || this.#adopted.has(id)) return
    const stand = this.#lost.pop()
    if (stand === undefined || !this.#ledger.hasLease(stand)) return
    this.#adopted.add(id)
    this.#ledger.release(stand)
    this.#ledger.hold(id, demand, this.#lostPeriods, this.#lostSecond)
  }
}

const noDemand: Demand = { tokens: 0, imageBytes: 0, pixels: 0 }

function grant(limits: KeyLimits, periods: Periods): Headroom {
  const { requestsPerMinute, tokensPerMinute, tokensPerDay, tokensPerMonth } = limits
  const { imageBytesPerMinute, pixelsPerMinute, concurrentRequests } = limits
  const tokens = [tokensPerMinute, tokensPerDay, tokensPerMonth].filter((limit) => limit !== null)
  return {
    amounts: {
      requests: share(requestsPerMinute),
      tokens: tokens.length === 0 ? 0 : Math.min(...tokens.map(share)),
      imageBytes: share(imageBytesPerMinute),
      pixels: share(pixelsPerMinute),
    },
    leases: concurrentRequests === null ? null : share(concurrentRequests),
    bounded: {
      requests: requestsPerMinute !== null,
      tokens: tokens.length > 0,
      imageBytes: imageBytesPerMinute !== null,
      pixels: pixelsPerMinute !== null,
    },
    periods,
  }
}

function share(limit: number | null): number {
  return limit === null ? 0 : Math.floor(limit / headroomShare)
}

function fits({ amounts, bounded }: Headroom): boolean {
  return dimensions.every((unit) => !bounded[unit] || amounts[unit] >= 0)
}
