/** What is known of one backend: what it last reported, and how it has fared. */
interface BackendState {
  readonly name: string
  queueDepth: number
  freeSlots: number
  /** Requests of ours it is working on. */
  inFlight: number
  /** In a row. */
  failures: number
  /** null: in use. Else the moment a probe may bring it back. */
  ejectedUntilMs: number | null
  ejections: number
}

export interface LoadReport {
  readonly queueDepth: number
  readonly freeSlots: number
}

const failuresToEject = 3
const firstEjectionMs = 2000
const maxEjectionMs = 60_000

/**
 * Picks the less loaded of two random backends. Which one fails in a row is left out until a probe succeeds; with no
 * other left it is tried all the same, since a doubtful backend is better than none. Clock and chance are passed in.
 */
export class BackendPool {
  readonly #states: readonly BackendState[]
  readonly #random: () => number

  constructor(names: readonly string[], random: () => number) {
    this.#random = random
    this.#states = names.map((name) => ({
      name,
      queueDepth: 0,
      freeSlots: 0,
      inFlight: 0,
      failures: 0,
      ejectedUntilMs: null,
      ejections: 0,
    }))
  }

  /** null: all of them were tried. */
  pick(tried: ReadonlySet<string>): string | null {
    const untried = this.#states.filter(({ name }) => !tried.has(name))
    const healthy = untried.filter(({ ejectedUntilMs }) => ejectedUntilMs === null)
    const candidates = healthy.length > 0 ? healthy : untried
    const first = this.#draw(candidates)
    const second = this.#draw(candidates.filter((candidate) => candidate !== first))
    if (!first) return null
    return second && load(second) < load(first) ? second.name : first.name
  }

  started(name: string) {
    this.#change(name, (state) => {
      state.inFlight += 1
    })
  }

  ended(name: string) {
    this.#change(name, (state) => {
      state.inFlight -= 1
    })
  }

  /** It answered, whatever it said. */
  answered(name: string, report: LoadReport | null) {
    this.#change(name, (state) => {
      Object.assign(state, { failures: 0, ejections: 0, ejectedUntilMs: null, ...report })
    })
  }

  /** It could not be reached, or broke. */
  failed(name: string, nowMs: number) {
    this.#change(name, (state) => {
      state.failures += 1
      if (state.failures >= failuresToEject) this.#eject(state, nowMs)
    })
  }

  /** The ejected backends whose time is up; each counts as ejected anew until its probe has answered. */
  takeProbes(nowMs: number): string[] {
    const due = this.#states.filter(
      ({ ejectedUntilMs }) => ejectedUntilMs !== null && ejectedUntilMs <= nowMs,
    )
    for (const state of due) this.#eject(state, nowMs)
    return due.map(({ name }) => name)
  }

  /** Names, and whether each is in use. */
  status(): { name: string; inUse: boolean }[] {
    return this.#states.map(({ name, ejectedUntilMs }) => ({ name, inUse: ejectedUntilMs === null }))
  }

  #eject(state: BackendState, nowMs: number) {
    const spanMs = Math.min(maxEjectionMs, firstEjectionMs * 2 ** state.ejections)
    state.ejections += 1
    // Some chance, so that many isolates do not all probe at once.
    state.ejectedUntilMs = nowMs + spanMs * (0.5 + this.#random() / 2)
  }

  #draw(states: readonly BackendState[]): BackendState | undefined {
    return states[Math.floor(this.#random() * states.length)]
  }

  #change(name: string, change: (state: BackendState) => void) {
    const state = this.#states.find((candidate) => candidate.name === name)
    if (state) change(state)
  }
}

function load({ queueDepth, freeSlots, inFlight }: BackendState): number {
  return queueDepth + inFlight - freeSlots
}
