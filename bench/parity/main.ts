/** Is it what the reference computes? `npm run parity -- FOLDER [--dtype fp32]` */
import { parseArgs } from 'node:util'
import type { CaseReport } from './measure-case.ts'
import { runParity } from './run-parity.ts'
import { violations } from './tolerances.ts'

const usage = 'usage: npm run parity -- FOLDER [--dtype fp32|fp16|int8|int4]'
const dtypes = ['fp32', 'fp16', 'int8', 'int4'] as const

function row(report: CaseReport): string {
  const { name, pixels, features, idsEqual, positionsEqual, logits, tokens } = report
  const pixel = pixels === null ? '-' : `${(pixels.withinOne * 100).toFixed(2)}% ${pixels.largest.toFixed(2)}`
  const cells = [
    name.padEnd(8),
    pixel.padStart(13),
    (features === null ? '-' : features.toExponential(1)).padStart(9),
    (idsEqual ? 'equal' : 'DIFFER').padStart(7),
    (positionsEqual ? 'equal' : 'DIFFER').padStart(10),
    logits.toExponential(1).padStart(8),
    `${tokens.compared - tokens.different}/${tokens.compared}`.padStart(7),
  ]
  return cells.join('  ')
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { dtype: { type: 'string' } },
    allowPositionals: true,
  })
  const dtype = dtypes.find((known) => known === (values.dtype ?? 'fp32'))
  const [folder] = positionals
  if (folder === undefined || dtype === undefined) {
    console.error(usage)
    return 2
  }
  const { frequencies, cases } = await runParity(folder, dtype)
  console.log(
    `${folder}, ${dtype}, recorded with ${frequencies} rotary frequencies; differences over the expected range`,
  )
  console.log('case      pixels ≤1 max   features      ids   positions    logits   tokens')
  let failed = false
  for (const report of cases) {
    const found = violations(report)
    // A lower precision is not the reference's: only what does not depend on it must be equal.
    const fatal = dtype === 'fp32' ? found : found.filter((what) => /pixel|ids|positions/.test(what))
    console.log(row(report) + (found.length === 0 ? '' : `  beyond fp32's tolerance: ${found.join(', ')}`))
    if (fatal.length > 0) failed = true
  }
  return failed ? 1 : 0
}

process.exitCode = await main()
