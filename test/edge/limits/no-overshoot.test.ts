import { expect, test } from 'vitest'
import type { Demand, KeyLimits } from '../../../edge/limits/amounts.ts'
import type { Detached } from '../../../edge/limits/detached.ts'
import { DurableLedger, type SavedLedger } from '../../../edge/limits/durable-ledger.ts'
import { leaseTtlMs } from '../../../edge/limits/ledger.ts'
import { periodsOf } from '../../../edge/limits/quota-periods.ts'

/** `INTERLEAVINGS=100000 npx vitest run test/edge/limits` runs the whole count. */
const interleavings = Number(process.env['INTERLEAVINGS'] ?? 5000)
const firstSeed = Number(process.env['SEED'] ?? 1)
const stepsEach = 60

test(`no limit is exceeded in ${interleavings} random interleavings, seeds from ${firstSeed}`, () => {
  let admitted = 0
  let refused = 0
  for (let seed = firstSeed; seed < firstSeed + interleavings; seed++) {
    const history = new History(seed)
    for (let step = 0; step < stepsEach; step++) history.step()
    admitted += history.admitted
    refused += history.refused
  }
  // Both kinds must have happened often, or the test has tested nothing.
  expect(admitted).toBeGreaterThan(interleavings)
  expect(refused).toBeGreaterThan(interleavings)
}, 600_000)

interface Granted {
  readonly id: string
  readonly day: string
  readonly month: string
  readonly admittedMs: number
  readonly parts: { steadyMs: number; requests: number; demand: Demand }[]
  renewedMs: number
  settled: boolean
}

/** A job that outlives its request; kept on disk in the same step as the ledger. */
interface Job {
  readonly detached: Pick<Detached, 'second' | 'periods'>
  readonly granted: Granted
}

/** A ledger, the requests it let in, and the sums over them that the limits promise to bound, computed naively. */
class History {
  admitted = 0
  refused = 0
  readonly #random: () => number
  readonly #seed: number
  readonly #limits: KeyLimits
  readonly #granted: Granted[] = []
  #jobs: Job[] = []
  #disk: SavedLedger = { ledger: { lastMs: 0, buckets: [], leases: [] }, headroom: null }
  readonly #periods = new Map<string, number>()
  #wallMs = Date.UTC(2026, 10, 30, 23, 58)
  #steadyMs = 0
  #ledger: DurableLedger
  #count = 0

  constructor(seed: number) {
    this.#seed = seed
    this.#random = mulberry32(seed)
    const maybe = (most: number) => (this.#random() < 0.3 ? null : 1 + this.#below(most))
    this.#limits = {
      requestsPerMinute: maybe(200),
      tokensPerMinute: maybe(20_000),
      imageBytesPerMinute: maybe(20_000),
      pixelsPerMinute: maybe(20_000),
      concurrentRequests: maybe(100),
      tokensPerDay: maybe(40_000),
      tokensPerMonth: maybe(60_000),
    }
    this.#ledger = this.#load()
  }

  step() {
    const choice = this.#random()
    if (choice < 0.42) this.#admit()
    else if (choice < 0.47) this.#detach()
    else if (choice < 0.52) this.#settleJob()
    else if (choice < 0.7) this.#settle()
    else if (choice < 0.76) this.#extend()
    else if (choice < 0.82) this.#renew()
    else if (choice < 0.86) this.#ledger.flush(this.#wallMs)
    else if (choice < 0.91) this.#ledger = this.#load()
    else if (choice < 0.93) this.#wallMs += (this.#random() - 0.5) * 4 * 86_400_000
    this.#wallMs += this.#random() < 0.6 ? 0 : this.#below(this.#random() < 0.9 ? 5000 : 70_000)
    this.#check()
  }

  /** Loads what is on disk, as after kill -9: everything else is forgotten. */
  #load() {
    const save = (saved: SavedLedger, periods: readonly [string, number][]) => {
      this.#disk = JSON.parse(JSON.stringify(saved))
      for (const [period, tokens] of periods) this.#periods.set(period, tokens)
    }
    const ledger = new DurableLedger(this.#disk, this.#periods, this.#wallMs, save)
    this.#steadyMs = ledger.steadyMs
    return ledger
  }

  #admit() {
    const id = `r${this.#count++}`
    const demand = this.#demand()
    const refusal = this.#ledger.admit(id, demand, this.#limits, this.#wallMs)
    this.#steadyMs = this.#ledger.steadyMs
    if (refusal) {
      this.refused++
      return
    }
    this.admitted++
    const parts = [{ steadyMs: this.#steadyMs, requests: 1, demand }]
    this.#granted.push({
      id,
      day: periodsOf(this.#wallMs).day,
      month: periodsOf(this.#wallMs).month,
      admittedMs: this.#steadyMs,
      parts,
      renewedMs: this.#steadyMs,
      settled: false,
    })
    // The same admission asked again, as when its answer was lost, takes nothing more.
    if (this.#random() < 0.1) this.#ledger.admit(id, demand, this.#limits, this.#wallMs)
  }

  #extend() {
    const request = this.#pick()
    if (!request) return
    const demand = this.#demand()
    const refusal = this.#ledger.extend(request.id, demand, this.#limits, this.#wallMs)
    this.#steadyMs = this.#ledger.steadyMs
    if (refusal === null) request.parts.push({ steadyMs: this.#steadyMs, requests: 0, demand })
  }

  /** What it reserved becomes a job's; its lease holds a slot alone from then on. */
  #detach() {
    const request = this.#pick()
    if (!request) return
    const jobs = 1 + this.#below(3)
    const detached = this.#ledger.detach(held(request), jobs, this.#limits, this.#wallMs)
    if (detached !== 'no_lease' && !('type' in detached)) {
      const demand = reserved(request)
      const parts = [{ steadyMs: this.#ledger.steadyMs, requests: jobs - 1, demand }]
      const granted = { ...request, id: `${request.id}-job`, parts, settled: true }
      this.#granted.push(granted)
      this.#jobs.push({ detached, granted })
      for (const part of request.parts) part.demand = { tokens: 0, imageBytes: 0, pixels: 0 }
    }
    this.#ledger.flush(this.#wallMs)
    this.#steadyMs = this.#ledger.steadyMs
  }

  #settleJob() {
    const job = this.#jobs[this.#below(this.#jobs.length)]
    if (!job) return
    const { granted, detached } = job
    const demand = reserved(granted)
    const used = this.#random() < 0.3 ? demand : { ...demand, tokens: this.#below(demand.tokens + 1) }
    this.#ledger.settleDetached({ demand, ...detached }, used, this.#wallMs)
    this.#ledger.flush(this.#wallMs)
    this.#steadyMs = this.#ledger.steadyMs
    useOf(granted, used)
    this.#jobs = this.#jobs.filter((other) => other !== job)
  }

  #renew() {
    const request = this.#pick()
    if (!request) return
    const alive = this.#ledger.renew(held(request), this.#wallMs)
    this.#steadyMs = this.#ledger.steadyMs
    if (alive) request.renewedMs = this.#steadyMs
    // Its lease is gone: the holder stops and settles nothing more.
    else request.settled = true
  }

  /** The true use is anything up to the reserve; sometimes the settlement is sent twice. */
  #settle() {
    const request = this.#pick()
    if (!request) return
    const whole = reserved(request)
    const part = this.#random() < 0.3 ? 0 : this.#random()
    const used = {
      tokens: Math.floor(whole.tokens * part),
      imageBytes: whole.imageBytes,
      pixels: Math.floor(whole.pixels * part),
    }
    const settled = this.#ledger.settle(held(request), used, this.#wallMs)
    if (this.#random() < 0.1) this.#ledger.settle(held(request), used, this.#wallMs)
    this.#steadyMs = this.#ledger.steadyMs
    request.settled = true
    if (settled) useOf(request, used)
  }

  #check() {
    const steadyMs = this.#ledger.steadyMs
    const recent = this.#granted.flatMap(({ parts }) =>
      parts.filter((part) => steadyMs - part.steadyMs < 60_000),
    )
    const total = (of: (part: (typeof recent)[number]) => number) =>
      recent.reduce((sum, part) => sum + of(part), 0)
    const tokensOf = (requests: Granted[]) =>
      requests.reduce((sum, request) => sum + reserved(request).tokens, 0)
    const { day, month } = periodsOf(this.#wallMs)
    const live = this.#granted.filter(
      (request) => !request.settled && steadyMs < request.renewedMs + leaseTtlMs,
    )
    this.#bounded(
      'requestsPerMinute',
      total((part) => part.requests),
    )
    this.#bounded(
      'tokensPerMinute',
      total((part) => part.demand.tokens),
    )
    this.#bounded(
      'imageBytesPerMinute',
      total((part) => part.demand.imageBytes),
    )
    this.#bounded(
      'pixelsPerMinute',
      total((part) => part.demand.pixels),
    )
    this.#bounded('concurrentRequests', live.length)
    this.#bounded('tokensPerDay', tokensOf(this.#granted.filter((request) => request.day === day)))
    this.#bounded('tokensPerMonth', tokensOf(this.#granted.filter((request) => request.month === month)))
  }

  #bounded(limit: keyof KeyLimits, used: number) {
    const most = this.#limits[limit]
    if (most !== null && used > most) throw new Error(`seed ${this.#seed}: ${limit} is ${used}, over ${most}`)
  }

  #pick() {
    const running = this.#granted.filter((request) => !request.settled)
    return running[this.#below(running.length)]
  }

  #demand(): Demand {
    return { tokens: this.#below(3000), imageBytes: this.#below(3000), pixels: this.#below(3000) }
  }

  #below(count: number) {
    return Math.floor(this.#random() * count)
  }
}

function reserved({ parts }: Granted): Demand {
  return parts.reduce(
    (sum, { demand }) => ({
      tokens: sum.tokens + demand.tokens,
      imageBytes: sum.imageBytes + demand.imageBytes,
      pixels: sum.pixels + demand.pixels,
    }),
    { tokens: 0, imageBytes: 0, pixels: 0 },
  )
}

function held(request: Granted) {
  return { id: request.id, demand: reserved(request), admittedMs: request.admittedMs }
}

/** What was not used is given back from the oldest part on, so the later part's use counts for longest. */
function useOf(request: Granted, used: Demand) {
  const left = { ...used }
  for (const part of request.parts.toReversed()) {
    const kept = {
      tokens: Math.min(part.demand.tokens, left.tokens),
      imageBytes: Math.min(part.demand.imageBytes, left.imageBytes),
      pixels: Math.min(part.demand.pixels, left.pixels),
    }
    left.tokens -= kept.tokens
    left.imageBytes -= kept.imageBytes
    left.pixels -= kept.pixels
    part.demand = kept
  }
}

function mulberry32(seed: number) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
