import type { ReplayResult, Verdict } from './replay.ts'

const verdicts: Readonly<Record<Verdict, string>> = {
  right: 'all right',
  refused: 'refused at compile',
  forbidden: 'accepts what the schema forbids',
  missed: 'refuses what it allows',
  crash: 'crash',
  hang: 'hang',
}

/** A Markdown table, one column a vocabulary. */
export function resultTable(columns: readonly { name: string; results: readonly ReplayResult[] }[]): string {
  const rows: string[][] = [
    ['', ...columns.map(({ name }) => name)],
    ['---', ...columns.map(() => '---:')],
  ]
  rows.push(['schemas', ...columns.map(({ results }) => count(results.length))])
  for (const [verdict, label] of Object.entries(verdicts)) {
    rows.push([
      label,
      ...columns.map(({ results }) => {
        const found = results.filter((result) => result.verdict === verdict).length
        const share = ((100 * found) / Math.max(1, results.length)).toFixed(1)
        return verdict === 'right' ? `${count(found)} (${share} %)` : count(found)
      }),
    ])
  }
  rows.push([
    'masks',
    ...columns.map(({ results }) => count(results.reduce((sum, { masksMs }) => sum + masksMs.length, 0))),
  ])
  rows.push([
    'compile, CPU p50 / p99 / worst, ms',
    ...columns.map(({ results }) => spread(compileTimes(results), 1)),
  ])
  rows.push([
    'mask, CPU p50 / p99 / worst, ms',
    ...columns.map(({ results }) => spread(maskTimes(results.map(({ masksMs }) => masksMs)), 2)),
  ])
  rows.push([
    'mask, clock p50 / p99 / worst, ms',
    ...columns.map(({ results }) => spread(maskTimes(results.map(({ masksClockMs }) => masksClockMs)), 2)),
  ])
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function maskTimes(parts: readonly Float64Array[]): Float64Array {
  const times = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    times.set(part, at)
    at += part.length
  }
  return times
}

function compileTimes(results: readonly ReplayResult[]): Float64Array {
  return Float64Array.from(results.flatMap(({ compileMs }) => compileMs ?? []))
}

function spread(times: Float64Array, digits: number): string {
  const sorted = times.toSorted()
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  return [at(0.5), at(0.99), at(1)].map((time) => time.toFixed(digits)).join(' / ')
}

function count(value: number): string {
  return value.toLocaleString('en')
}
