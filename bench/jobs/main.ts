/** Is any job lost or answered twice, whatever is killed? `npm run chaos:jobs [-- JOBS [SEED]]` */
import { cpus } from 'node:os'
import { runChaos } from './chaos.ts'

const [jobs = '500', seed = String(Date.now() % 100_000)] = process.argv.slice(2)
console.log(`${jobs} jobs, 3 backends, seed ${seed}, ${cpus().length} × ${cpus()[0]?.model}`)
const report = await runChaos({
  jobs: Number(jobs),
  backends: 3,
  seed: Number(seed),
  strokeEveryMs: 1200,
  submitEveryMs: 200,
  timeoutMs: 600_000,
  flags: [],
})
for (const [name, value] of Object.entries(report)) {
  console.log(`${name.padEnd(16)} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
}
const { accepted, dead, done, left, lost, twice, unexplained } = report
const kept = accepted === done + dead && lost + twice + unexplained + left === 0
console.log(kept ? 'accepted = done + dead; nothing lost, nothing twice' : 'A PROMISE WAS BROKEN')
process.exitCode = kept ? 0 : 1
