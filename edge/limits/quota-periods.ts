/** Days and months kept; older ones are forgotten. More than a year, so that a clock set back finds its own period. */
const maxPeriods = 500

export interface Periods {
  readonly day: string
  readonly month: string
}

const dayMs = 86_400_000

/** The last day asked for: nearly every moment is in the same one as the moment before it. */
let lastPeriods: Periods & { readonly number: number } = { number: Number.NaN, day: '', month: '' }

/** The UTC day and month of a moment: `2026-11-23`, `2026-11`. */
export function periodsOf(wallMs: number): Periods {
  const number = Math.floor(wallMs / dayMs)
  if (number !== lastPeriods.number) {
    const day = new Date(wallMs).toISOString().slice(0, 10)
    lastPeriods = { number, day, month: day.slice(0, 7) }
  }
  return lastPeriods
}

/** First moment of the period after the given day or month, ms since the epoch. */
export function periodEndMs(period: string): number {
  const [year, month, day] = [period.slice(0, 4), period.slice(5, 7), period.slice(8)].map(Number)
  return day ? Date.UTC(year ?? 0, (month ?? 1) - 1, day + 1) : Date.UTC(year ?? 0, month ?? 1, 1)
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
