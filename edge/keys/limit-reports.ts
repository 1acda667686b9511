import { dimensions, type KeyLimits, minuteLimit } from '../limits/amounts.ts'
import type { DurableLedger } from '../limits/durable-ledger.ts'
import { periodEndMs, periodsOf } from '../limits/quota-periods.ts'
import type { LimitReport } from './operations.ts'

/** The state of every limit the key has, as it is after what was just decided. */
export function reportLimits(
  { ledger }: Pick<DurableLedger, 'ledger'>,
  limits: KeyLimits,
  wallMs: number,
): LimitReport[] {
  const reports: LimitReport[] = []
  for (const dimension of dimensions) {
    const limit = minuteLimit(limits, dimension)
    if (limit === null) continue
    const { nextMs, fullMs } = ledger.resets(dimension)
    const remaining = Math.max(0, limit - ledger.minuteUse(dimension))
    reports.push({ name: `${dimension}PerMinute`, limit, remaining, nextMs, fullMs })
  }
  const { day, month } = periodsOf(wallMs)
  for (const [name, period] of [
    ['tokensPerDay', day],
    ['tokensPerMonth', month],
  ] as const) {
    const limit = limits[name]
    if (limit === null) continue
    const endMs = Math.max(0, periodEndMs(period) - wallMs)
    const remaining = Math.max(0, limit - ledger.quotaUse(period))
    reports.push({ name, limit, remaining, nextMs: endMs, fullMs: endMs })
  }
  return reports
}
