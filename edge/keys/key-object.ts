import { DurableObject } from 'cloudflare:workers'
import type { Settlement } from '../../shared/settlement.ts'
import { type Begin, RunLog } from '../idempotency/run-log.ts'
import { RunStore, type StoredHead } from '../idempotency/run-store.ts'
import { JobBook, type JobDemand, maxOpenJobs, type OpenJobs, type SettledJobs } from '../jobs/job-book.ts'
import { DurableLedger, type HeldLease } from '../limits/durable-ledger.ts'
import { periodsOf } from '../limits/quota-periods.ts'
import { type Credentials, checkAccess } from './check-access.ts'
import { answerOf, demandOf, done, refusedAccess } from './key-answers.ts'
import type { KeyRecord, KeySecret, KeySettings } from './key-record.ts'
import { KeyStore } from './key-store.ts'
import { reportLimits } from './limit-reports.ts'
import { type KeyAnswer, type KeyOperation, type LimitReport, toKeyLimits, type Use } from './operations.ts'
import { addUsage, type DayUsage, noUsage } from './usage-log.ts'

/** How long what was settled may stay unwritten; a crash charges it in full instead. */
const flushAfterMs = 1000

/** Until some of so many jobs may have ended. */
const tooManyJobsRetryMs = 60_000

/** Secrets that may be valid at once: the new one and those still in their overlap. */
const maxSecrets = 3

/**
 * One API key: its record, limits, leases, quota and usage. All calls on it are decided here, one after the other and
 * without waiting, so none can slip between another's check and its taking.
 */
export class KeyObject extends DurableObject {
  readonly #store: KeyStore
  #record: KeyRecord | null
  #ledger: DurableLedger | null = null
  readonly #runs: RunLog
  readonly #jobs: JobBook
  readonly #usage = new Map<string, DayUsage>()
  #flushing = false

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env)
    this.#store = new KeyStore(ctx.storage)
    this.#record = this.#store.readRecord()
    this.#runs = new RunLog(new RunStore(ctx.storage))
    this.#jobs = new JobBook(ctx.storage)
  }

  /** The answers of one call share their reports: the limits as they are when the call leaves, told once. */
  decide(operations: readonly KeyOperation[]): KeyAnswer[] {
    const nowMs = Date.now()
    const reports: LimitReport[] = []
    const answers = operations.map((operation) => this.#decide(operation, reports, nowMs))
    const tells = answers.some((answer) => 'reports' in answer && answer.reports === reports)
    if (tells && this.#record) reports.push(...this.#report(this.#record, nowMs))
    this.#flushLater()
    return answers
  }

  /** The key as the operator sees it; null when there is none. */
  describe(): KeyDescription | null {
    if (!this.#record) return null
    const { secrets, ...rest } = this.#record
    const hints = secrets.map(({ hash: _, ...hint }) => hint)
    return { ...rest, secrets: hints, open_jobs: this.#jobs.open(), usage: this.#readUsage(31) }
  }

  /** The key as its holder sees it; null for anybody else. */
  holderView(who: Credentials): HolderView | null {
    const nowMs = Date.now()
    if (checkAccess(this.#record, who, nowMs) || !this.#record) return null
    const { id, name, expires_at, models } = this.#record
    const reports = this.#report(this.#record, nowMs)
    return { id, name, expires_at, models, reports, jobs: this.#jobs.open(), days: this.#readUsage(31) }
  }

  /** Who may run under an `Idempotency-Key`; see `RunLog`. */
  beginRun(who: Credentials, key: string, fingerprint: string): Begin | 'denied' {
    const nowMs = Date.now()
    return checkAccess(this.#record, who, nowMs) ? 'denied' : this.#runs.begin(key, fingerprint, nowMs)
  }

  appendRun(key: string, head: StoredHead | null, chunk: Uint8Array): boolean {
    return this.#runs.append(key, head, chunk)
  }

  finishRun(key: string) {
    this.#runs.finish(key)
  }

  abandonRun(key: string) {
    this.#runs.abandon(key)
  }

  /** Waits until the answer begins; null when there will be none. */
  async readRun(key: string): Promise<{ head: StoredHead; body: ReadableStream<Uint8Array> } | null> {
    const head = await this.#runs.head(key, Date.now())
    return head && { head, body: this.#runs.read(key) }
  }

  /** Moves what a lease reserved to jobs, which outlive its request; see `JobBook`. */
  reserveJobs(lease: HeldLease, jobs: readonly JobDemand[]): KeyAnswer {
    const record = this.#record
    if (!record) return { type: 'no_lease' }
    const nowMs = Date.now()
    const ledger = this.#openLedger(nowMs)
    const refusal = this.#jobs.reserve(ledger, lease, jobs, toKeyLimits(record.limits), nowMs)
    if (refusal === 'no_lease') return { type: 'no_lease' }
    const reports = this.#report(record, nowMs)
    if (refusal !== 'too_many') return answerOf(refusal, record, ledger, reports)
    const message = `this API key already has ${this.#jobs.open().count} jobs open, at most ${maxOpenJobs} may be`
    return {
      type: 'refused',
      code: 'rate_limit_exceeded',
      message,
      retryAfterMs: tooManyJobsRetryMs,
      reports,
    }
  }

  releaseJobs(leaseId: string, jobs: number, inDoubt: boolean) {
    const nowMs = Date.now()
    if (this.#record) this.#jobs.release(this.#openLedger(nowMs), leaseId, jobs, inDoubt, nowMs)
  }

  /** Replaces what jobs reserved by what they took, once each. */
  settleJobs(nonce: string, expiresMs: number, settlements: readonly Settlement[]): SettledJobs | 'replayed' {
    if (!this.#record) return { tenant: '', uses: [], pending: [] }
    const nowMs = Date.now()
    if (!this.#jobs.remember(nonce, expiresMs, nowMs)) return 'replayed'
    const ledger = this.#openLedger(nowMs)
    const settled = this.#jobs.settle(ledger, settlements, nowMs)
    for (const use of settled.uses) this.#count(use, nowMs)
    ledger.flush(nowMs)
    return { tenant: this.#record.tenant, ...settled }
  }

  create(record: KeyRecord): boolean {
    if (this.#record) return false
    this.#write(record)
    return true
  }

  update(changes: Partial<KeySettings>): KeyDescription | null {
    if (!this.#record) return null
    // Headroom was granted under the old limits: the exact state must stand on disk before new ones hold.
    this.#openLedger(Date.now()).flush(Date.now())
    this.#write({ ...this.#record, ...changes, updated_at: new Date().toISOString() })
    return this.describe()
  }

  /** Adds a secret; the others end after the overlap, at once when it is 0. */
  rotate(secret: Pick<KeySecret, 'hash' | 'last4'>, overlapMs: number): KeyDescription | null {
    if (!this.#record) return null
    const nowMs = Date.now()
    const now = new Date(nowMs).toISOString()
    const end = new Date(nowMs + overlapMs).toISOString()
    const older = this.#record.secrets
      .filter(({ expires_at }) => expires_at === null || Date.parse(expires_at) > nowMs)
      .map((old) => ({ ...old, expires_at: old.expires_at && old.expires_at < end ? old.expires_at : end }))
      .slice(0, maxSecrets - 1)
    const secrets = [{ ...secret, created_at: now, expires_at: null }, ...older]
    this.#write({ ...this.#record, secrets, updated_at: now })
    return this.describe()
  }

  async remove(): Promise<boolean> {
    const existed = this.#record !== null
    this.#record = null
    this.#ledger = null
    this.#usage.clear()
    await this.#store.clear()
    return existed
  }

  #decide(operation: KeyOperation, reports: readonly LimitReport[], nowMs: number): KeyAnswer {
    if (operation.type === 'admit') return this.#admit(operation, reports, nowMs)
    if (operation.type === 'identify') return this.#identify(operation.who, reports, nowMs)
    const record = this.#record
    // Deleted while requests ran: nothing is left to charge, and they may not go on.
    if (!record) return { type: 'no_lease' }
    const ledger = this.#openLedger(nowMs)
    const limits = toKeyLimits(record.limits)
    switch (operation.type) {
      case 'extend': {
        const refusal = ledger.extend(operation.leaseId, operation.extra, limits, nowMs)
        return refusal === 'no_lease' ? { type: 'no_lease' } : answerOf(refusal, record, ledger, reports)
      }
      case 'renew':
        return ledger.renew(operation.lease, nowMs) ? done : { type: 'no_lease' }
      case 'settle':
        if (!ledger.settle(operation.lease, demandOf(operation.use), nowMs)) return { type: 'no_lease' }
        if (operation.use) this.#count(operation.use, nowMs)
        return done
    }
  }

  #admit(
    operation: Extract<KeyOperation, { type: 'admit' }>,
    reports: readonly LimitReport[],
    nowMs: number,
  ): KeyAnswer {
    const record = this.#record
    const denied = checkAccess(record, operation.who, nowMs)
    if (denied || !record) return refusedAccess(denied)
    const { model, leaseId, demand } = operation
    if (record.models && !(model !== null && record.models.includes(model))) {
      const message =
        model === null ? 'name a model: this API key may use only some' : `this API key may not use ${model}`
      return { type: 'refused', code: 'permission_denied', message, retryAfterMs: null, reports: [] }
    }
    const ledger = this.#openLedger(nowMs)
    const refusal = ledger.admit(leaseId, demand, toKeyLimits(record.limits), nowMs)
    return answerOf(refusal, record, ledger, reports)
  }

  #identify(who: Credentials, reports: readonly LimitReport[], nowMs: number): KeyAnswer {
    const denied = checkAccess(this.#record, who, nowMs)
    if (denied || !this.#record) return refusedAccess(denied)
    return answerOf(null, this.#record, this.#openLedger(nowMs), reports)
  }

  #report({ limits }: KeyRecord, nowMs: number): LimitReport[] {
    return reportLimits(this.#openLedger(nowMs), toKeyLimits(limits), nowMs)
  }

  #openLedger(nowMs: number): DurableLedger {
    if (this.#ledger) return this.#ledger
    const { saved, periods } = this.#store.readLedger()
    this.#ledger = new DurableLedger(saved, periods, nowMs, (next, touched) => {
      this.#store.writeLedger(next, touched, this.#usage)
      this.#usage.clear()
    })
    return this.#ledger
  }

  #count(use: Use, nowMs: number) {
    const { day } = periodsOf(nowMs)
    this.#usage.set(
      day,
      addUsage(this.#usage.get(day) ?? noUsage, {
        requests: 1,
        prompt_tokens: use.promptTokens,
        completion_tokens: use.completionTokens,
        images: use.images,
        image_bytes: use.imageBytes,
      }),
    )
  }

  #readUsage(days: number) {
    if (this.#usage.size > 0) this.#ledger?.flush(Date.now())
    return this.#store.readUsage(days)
  }

  #write(record: KeyRecord) {
    this.#store.writeRecord(record)
    this.#record = record
  }

  /** One timer at a time: under load the ledger is written about once a second, at rest it is exact on disk. */
  #flushLater() {
    if (this.#flushing || !this.#ledger?.dirty) return
    this.#flushing = true
    setTimeout(() => {
      this.#flushing = false
      if (this.#ledger?.dirty) this.#ledger.flush(Date.now())
    }, flushAfterMs)
  }
}

export type KeyDescription = Omit<KeyRecord, 'secrets'> & {
  secrets: Omit<KeySecret, 'hash'>[]
  open_jobs: OpenJobs
  usage: (DayUsage & { day: string })[]
}

export interface HolderView extends Pick<KeyRecord, 'id' | 'name' | 'expires_at' | 'models'> {
  readonly reports: ReturnType<typeof reportLimits>
  readonly jobs: OpenJobs
  readonly days: readonly (DayUsage & { day: string })[]
}
