import { expect, test } from 'vitest'
import { runChaos } from '../../bench/jobs/chaos.ts'
import { testSeed } from '../support/random.ts'
import { testCacheDir } from '../support/start-test-server.ts'

test('while backends are killed, Redis restarts and connections are cut, every accepted job ends, once', async () => {
  const seed = testSeed()
  const report = await runChaos({
    jobs: 60,
    backends: 2,
    seed,
    strokeEveryMs: 1000,
    submitEveryMs: 60,
    timeoutMs: 90_000,
    flags: ['--cache-dir', testCacheDir],
  })
  const told = `seed ${seed}: ${JSON.stringify(report)}`
  expect(report, told).toMatchObject({ accepted: 60, twice: 0, lost: 0, unexplained: 0, left: 0 })
  expect(report.done + report.dead, told).toBe(60)
}, 150_000)
