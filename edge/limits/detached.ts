import type { Demand } from './amounts.ts'
import type { Periods } from './quota-periods.ts'

/** What was reserved for work that outlives its request: counted in its periods, and in the minute of its second. */
export interface Detached {
  readonly demand: Demand
  /** Second of the steady clock it counts as taken at. */
  readonly second: number
  readonly periods: Periods
}
