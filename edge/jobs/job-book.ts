import type { Settlement } from '../../shared/settlement.ts'
import type { Use } from '../keys/operations.ts'
import type { Demand, KeyLimits } from '../limits/amounts.ts'
import type { DurableLedger, HeldLease } from '../limits/durable-ledger.ts'
import type { Refusal } from '../limits/ledger.ts'
import { type BookedJob, JobStore } from './job-store.ts'

/** What one job may take at most. */
export interface JobDemand extends Demand {
  readonly images: number
}

/** Jobs of one API key that have not been settled. */
export const maxOpenJobs = 10_000

/**
 * How long a job is known that nobody settles; then what it reserved stands as used. Longer than any job may wait and run
 * (`--job-max-age` is at most 30 days), and its backend try to settle it (7 days).
 */
const reservationLifeMs = 40 * 86_400_000

/** Submissions of unknown fate that are remembered; further ones are forgotten as soon as they are given back. */
const maxDoubts = 1000

export interface OpenJobs {
  readonly count: number
  readonly tokens: number
}

export interface SettledJobs {
  readonly tenant: string
  readonly uses: readonly Use[]
  /** Not reserved yet: the request that submitted them is under way still. */
  readonly pending: readonly string[]
}

/**
 * The jobs of one API key between their submission and their settlement. What each may take is reserved in the key's
 * ledger from one to the other, whatever becomes of the request that submitted it, and is settled once. Nothing here
 * waits: each step and its ledger's are written together.
 */
export class JobBook {
  readonly #store: JobStore
  #open: OpenJobs | null = null

  constructor(storage: DurableObjectStorage) {
    this.#store = new JobStore(storage)
  }

  /** What is reserved by jobs now. */
  open(): OpenJobs {
    this.#open ??= this.#store.open()
    return this.#open
  }

  /** Takes a submission's share out of its lease, one reservation a job: all or none. */
  reserve(
    ledger: DurableLedger,
    lease: HeldLease,
    jobs: readonly JobDemand[],
    limits: KeyLimits,
    nowMs: number,
  ): Refusal | 'no_lease' | 'too_many' | null {
    const expired = this.#store.forgetExpired(nowMs)
    if (expired) this.#open = null
    if (this.open().count + jobs.length > maxOpenJobs) return 'too_many'
    const detached = ledger.detach(lease, jobs.length, limits, nowMs)
    if (detached === 'no_lease' || 'type' in detached) return detached
    const whole = sumOfDemands(jobs)
    // Pictures that came later may have made the earlier ones smaller.
    const spare = { ...nothing, tokens: Math.max(0, lease.demand.tokens - whole.tokens) }
    ledger.settleDetached({ demand: spare, ...detached }, nothing, nowMs)
    const expiresMs = nowMs + reservationLifeMs
    for (const [line, { images, ...demand }] of jobs.entries()) {
      this.#store.add(lineId(lease.id, line), { demand, images, ...detached }, expiresMs)
    }
    this.#change(jobs.length, whole.tokens)
    ledger.flush(nowMs)
    return null
  }

  /**
   * Gives back what a refused submission had reserved. When nobody knows whether it was refused, it is remembered: should
   * its jobs run all the same, they are charged when they are settled.
   */
  release(ledger: DurableLedger, leaseId: string, jobs: number, inDoubt: boolean, nowMs: number) {
    const remembered = inDoubt && this.#store.doubts() + jobs <= maxDoubts
    for (let line = 0; line < jobs; line++) {
      const id = lineId(leaseId, line)
      const job = this.#store.find(id)
      if (!job || job.released) continue
      ledger.settleDetached(job, nothing, nowMs)
      this.#change(-1, -job.demand.tokens)
      if (remembered) this.#store.release(id)
      else this.#store.remove(id)
    }
    ledger.flush(nowMs)
  }

  /** Replaces reservations by what was really used. One that is not there was settled before, or expired. */
  settle(
    ledger: DurableLedger,
    settlements: readonly Settlement[],
    nowMs: number,
  ): Omit<SettledJobs, 'tenant'> {
    const uses: Use[] = []
    const pending: string[] = []
    for (const { reservation, prompt_tokens, completion_tokens } of settlements) {
      const job = this.#store.find(reservation)
      if (job) uses.push(this.#settleOne(ledger, reservation, job, prompt_tokens, completion_tokens, nowMs))
      else if (ledger.ledger.reserves(leaseOf(reservation))) pending.push(reservation)
    }
    return { uses, pending }
  }

  /** Whether this call is heard for the first time. */
  remember(nonce: string, expiresMs: number, nowMs: number): boolean {
    return this.#store.remember(nonce, expiresMs, nowMs)
  }

  #settleOne(
    ledger: DurableLedger,
    id: string,
    job: BookedJob,
    promptTokens: number,
    completionTokens: number,
    nowMs: number,
  ): Use {
    const { imageBytes, pixels } = job.demand
    const used = { tokens: promptTokens + completionTokens, imageBytes, pixels }
    const reserved = job.released ? { ...job, demand: { ...nothing, imageBytes, pixels } } : job
    ledger.settleDetached(reserved, used, nowMs)
    this.#store.remove(id)
    if (!job.released) this.#change(-1, -job.demand.tokens)
    return { promptTokens, completionTokens, images: job.images, imageBytes, pixels }
  }

  #change(count: number, tokens: number) {
    // What nobody has asked for yet is counted when somebody does.
    if (this.#open === null) return
    this.#open = { count: this.#open.count + count, tokens: this.#open.tokens + tokens }
  }
}

const nothing: Demand = { tokens: 0, imageBytes: 0, pixels: 0 }

const lineId = (leaseId: string, line: number) => `${leaseId}-${line}`
const leaseOf = (lineId: string) => lineId.slice(0, lineId.lastIndexOf('-'))

export function sumOfDemands(demands: readonly Demand[]): Demand {
  return demands.reduce(
    (sum, { tokens, imageBytes, pixels }) => ({
      tokens: sum.tokens + tokens,
      imageBytes: sum.imageBytes + imageBytes,
      pixels: sum.pixels + pixels,
    }),
    nothing,
  )
}
