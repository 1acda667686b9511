import { ApiError } from '../../shared/errors.ts'
import type { Demand } from '../limits/amounts.ts'
import type { HeldLease } from '../limits/durable-ledger.ts'
import { leaseTtlMs } from '../limits/ledger.ts'
import type { RequestLife } from '../request-life.ts'
import type { Credentials } from './check-access.ts'
import type { KeyClient, RequestScope } from './key-client.ts'
import type { KeyAnswer, LimitReport, Use } from './operations.ts'

/** A third of a lease's life: two renewals may fail before it ends. */
const renewAfterMs = 10_000

export interface AdmitOptions {
  readonly keyId: string
  readonly who: Credentials
  readonly model: string | null
  readonly demand: Demand
}

type Granted = Extract<KeyAnswer, { type: 'granted' }>

/** What a request was granted of its key's limits. Must be settled, whatever happens; until then it renews itself. */
export class Lease {
  readonly tenant: string
  readonly reports: readonly LimitReport[]
  readonly #client: KeyClient
  readonly #scope: RequestScope
  readonly #keyId: string
  readonly #life: RequestLife
  #held: HeldLease
  /** Until then the object surely counts the lease. */
  #expiresMs: number
  #settled = false

  private constructor(
    client: KeyClient,
    scope: RequestScope,
    keyId: string,
    held: HeldLease,
    granted: Granted,
    askedMs: number,
    life: RequestLife,
  ) {
    this.#life = life
    this.#expiresMs = askedMs + leaseTtlMs
    this.#client = client
    this.#scope = scope
    this.#keyId = keyId
    this.#held = held
    this.tenant = granted.tenant
    this.reports = granted.reports
    this.#renewLater()
  }

  /** @throws RefusedByKey */
  static async take(
    client: KeyClient,
    scope: RequestScope,
    life: RequestLife,
    { keyId, who, model, demand }: AdmitOptions,
  ): Promise<Lease> {
    const leaseId = crypto.randomUUID()
    const askedMs = Date.now()
    const operation = { type: 'admit', leaseId, who, model, demand } as const
    const answer = await life.unlessStopped(client.ask(keyId, operation, scope))
    const granted = requireGranted(answer)
    return new Lease(
      client,
      scope,
      keyId,
      { id: leaseId, demand, admittedMs: granted.atMs },
      granted,
      askedMs,
      life,
    )
  }

  get id() {
    return this.#held.id
  }

  /** All that is reserved. */
  get demand(): Demand {
    return this.#held.demand
  }

  /** Tokens reserved. */
  get maxTokens() {
    return this.#held.demand.tokens
  }

  /** @throws RefusedByKey when the limits do not allow it */
  async extend(extra: Demand): Promise<void> {
    const { id, demand, admittedMs } = this.#held
    requireGranted(await this.#client.ask(this.#keyId, { type: 'extend', leaseId: id, extra }, this.#scope))
    const sum = {
      tokens: demand.tokens + extra.tokens,
      imageBytes: demand.imageBytes + extra.imageBytes,
      pixels: demand.pixels + extra.pixels,
    }
    this.#held = { id, demand: sum, admittedMs }
  }

  /**
   * Gives what it reserved to jobs that outlive the request; from here on it holds its slot alone.
   * @throws RefusedByKey
   */
  async becomeJobs(reserve: (held: HeldLease) => Promise<KeyAnswer>): Promise<void> {
    requireGranted(await reserve(this.#held))
    this.#held = { ...this.#held, demand: { tokens: 0, imageBytes: 0, pixels: 0 } }
  }

  /** Replaces the reserve by what was used; null once it is the jobs'. Should the object not hear of it, the reserve stands. */
  settle(use: Use | null) {
    this.#settled = true
    this.#client.tell(this.#keyId, { type: 'settle', lease: this.#held, use }, this.#scope)
  }

  #renewLater() {
    this.#life.at(Date.now() + renewAfterMs, () => this.#scope.waitUntil(this.#renew()))
  }

  async #renew() {
    const askedMs = Date.now()
    try {
      const answer = await this.#client.ask(this.#keyId, { type: 'renew', lease: this.#held }, this.#scope)
      if (answer.type === 'no_lease') return this.#lose()
      this.#expiresMs = askedMs + leaseTtlMs
    } catch {
      // The next renewal may reach the object, if it comes in time: past its end the lease may be another request's.
      if (askedMs + renewAfterMs >= this.#expiresMs) return this.#lose()
    }
    if (!this.#settled) this.#renewLater()
  }

  #lose() {
    this.#life.stop(withdrawn())
  }
}

/** A key's refusal, with the state of its limits for the answer's headers. */
export class RefusedByKey extends ApiError {
  readonly reports: readonly LimitReport[]

  constructor({ code, message, retryAfterMs, reports }: Extract<KeyAnswer, { type: 'refused' }>) {
    super(
      code,
      message,
      retryAfterMs === null ? {} : { retryAfterS: Math.max(1, Math.ceil(retryAfterMs / 1000)) },
    )
    this.reports = reports
  }
}

/** @throws RefusedByKey */
export function requireGranted(answer: KeyAnswer): Granted {
  if (answer.type === 'granted') return answer
  if (answer.type === 'refused') throw new RefusedByKey(answer)
  throw withdrawn()
}

function withdrawn() {
  return new ApiError('permission_denied', 'this API key was withdrawn while the request ran')
}
