/** Days and months kept; older ones are forgotten. More than a year, so that a clock set back finds its own period. */
const maxPeriods = 500

export interface Periods {
  readonly day: string
  readonly month: string
}

/** The UTC day and month of a moment: `2026-11-23`, `2026-11`. */
export function periodsOf(wallMs: number): Periods {
  const day = new Date(wallMs).toISOString().slice(0, 10)
  return { day, month: day.slice(0, 7) }
}

/** First moment of the period after the given day or month, ms since the epoch. */
export function periodEndMs(period: string): number {
  const [year = 0, month = 1, day] = period.split('-').map(Number)
  return day === undefined ? Date.UTC(year, month, 1) : Date.UTC(year, month - 1, day + 1)
}

/** Tokens taken in each calendar day and month. Keyed by the period, so no jump of the clock opens one twice. */
export class QuotaPeriods {
  readonly #tokens: Map<string, number>
  readonly #touched = new Set<string>()

  constructor(entries: Iterable<readonly [string, number]> = []) {
    this.#tokens = new Map(entries)
  }

  get(period: string): number {
    return this.#tokens.get(period) ?? 0
  }

  add({ day, month }: Periods, tokens: number) {
    for (const period of [day, month]) {
      this.#tokens.set(period, this.get(period) + tokens)
      this.#touched.add(period)
    }
    if (this.#tokens.size > maxPeriods) this.#forgetOldest()
  }

  /** The periods that changed since this was last asked, each with its tokens. */
  takeTouched(): [string, number][] {
    const touched = [...this.#touched].map((period): [string, number] => [period, this.get(period)])
    this.#touched.clear()
    return touched
  }

  #forgetOldest() {
    const [oldest] = [...this.#tokens.keys()].sort()
    if (oldest !== undefined) this.#tokens.delete(oldest)
  }
}
