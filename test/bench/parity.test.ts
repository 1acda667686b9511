import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { runParity } from '../../bench/parity/run-parity.ts'
import { violations } from '../../bench/parity/tolerances.ts'

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))

describe.each(['glm4v-random', 'glm-ocr-random'])('%s', (name) => {
  test('in fp32 every case is within tolerance of the reference, from the file to the logits', async () => {
    const { cases: reports } = await runParity(fixture(name), 'fp32')
    expect(reports.length).toBeGreaterThan(0)
    expect(reports.flatMap((report) => violations(report).map((what) => `${report.name}: ${what}`))).toEqual(
      [],
    )
  })

  test.each(['fp16', 'int8', 'int4'] as const)(
    'in %s it runs, with the same prompts and pixels',
    async (dtype) => {
      const { cases: reports } = await runParity(fixture(name), dtype)
      for (const report of reports) {
        expect(report.idsEqual && report.positionsEqual).toBe(true)
        expect(report.logits).toBeGreaterThan(0)
        expect(report.logits).toBeLessThan(1)
      }
    },
  )
})
