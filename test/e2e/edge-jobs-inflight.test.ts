import { afterAll, beforeAll, expect, test } from 'vitest'
import type { JobBody } from '../../backend/deferral/job-body.ts'
import { tinyPicture } from '../../bench/jobs/tiny-picture.ts'
import { EdgeWithJobs } from '../support/edge-with-jobs.ts'
import { Random, testSeed } from '../support/random.ts'

/** `KILLS=12 npx vitest run test/e2e/edge-jobs-inflight.test.ts` is the run of docs/reliability.md. */
const kills = Number(process.env['KILLS'] ?? 3)
const clients = 8
const quota = 1_000_000
const seed = testSeed()
const unlimited = { requests_per_minute: null, tokens_per_minute: null, concurrent_requests: null }

let all: EdgeWithJobs
beforeAll(async () => {
  all = await EdgeWithJobs.start()
})
afterAll(() => all?.close())

test(`killed amid submissions, edge and backends count every job that ran, once, and nothing else: seed ${seed}`, async () => {
  const random = new Random(seed)
  const { key } = await all.edge.makeKey({ limits: { ...unlimited, tokens_per_day: quota } })
  const heard = new Set<string>()
  let up: Promise<void> = Promise.resolve()
  let stopped = false
  let wanted = Promise.withResolvers<void>()
  let enough = Number.POSITIVE_INFINITY

  async function submit() {
    const max_new_tokens = 1 + random.below(8)
    const response = await all.submit(key, {
      image: tinyPicture,
      prompt: 'What?',
      temperature: 0,
      max_new_tokens,
    })
    const text = await response.text()
    if (response.status !== 202) return
    heard.add((JSON.parse(text) as JobBody).id)
    if (heard.size >= enough) wanted.resolve()
  }
  async function client() {
    while (!stopped) {
      await up
      await submit().catch(() => {}) // killed under it: nobody knows what became of the submission
    }
  }
  async function heardOf(more: number) {
    wanted = Promise.withResolvers()
    enough = heard.size + more
    await wanted.promise
  }

  const running = Array.from({ length: clients }, client)
  for (let kill = 0; kill < kills; kill++) {
    await heardOf(10 + random.below(60))
    const again = Promise.withResolvers<void>()
    up = again.promise
    if (kill % 4 === 1) {
      await all.killBackend()
      await all.restartBackend()
    } else {
      await all.edge.kill('SIGKILL')
      await all.edge.restart()
    }
    again.resolve()
  }
  await heardOf(20)
  stopped = true
  await Promise.all(running)
  await expect
    .poll(async () => (await all.redis.xlen('glm_queue')) + (await all.redis.hlen('glm:settling')), {
      timeout: 60_000,
    })
    .toBe(0)

  const jobs = await Promise.all(
    (await all.redis.keys('glm:job:*')).map(async (name) => ({
      heard: heard.has(name.slice('glm:job:'.length)),
      result: JSON.parse((await all.redis.hget(name, 'result')) ?? 'null') as JobBody['result'],
    })),
  )
  const took = jobs.reduce((sum, { result }) => sum + (result?.usage.total_tokens ?? 0), 0)
  const { days, limits, open_jobs } = await all.usage(key)
  const counted = days.reduce((sum, day) => sum + day.prompt_tokens + day.completion_tokens, 0)
  const used = quota - (limits.find(({ name }) => name === 'tokensPerDay')?.remaining ?? 0)
  const report = {
    seed,
    kills,
    jobs: jobs.length,
    unheard: jobs.filter((job) => !job.heard).length,
    took,
    counted,
  }
  const told = JSON.stringify({ ...report, used, unsettled: open_jobs })
  expect(jobs.length, told).toBeGreaterThanOrEqual(heard.size)
  expect(counted, told).toBe(took)
  // What a kill left reserved for nobody errs towards the limit.
  expect(used, told).toBeGreaterThanOrEqual(took)
}, 240_000)
