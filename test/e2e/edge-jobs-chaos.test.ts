import { afterAll, beforeAll, expect, test } from 'vitest'
import type { JobBody } from '../../backend/deferral/job-body.ts'
import { tinyPicture } from '../../bench/jobs/tiny-picture.ts'
import { EdgeWithJobs } from '../support/edge-with-jobs.ts'
import { Random, testSeed } from '../support/random.ts'

const steps = 25
const quota = 20_000
const seed = testSeed()

let all: EdgeWithJobs
beforeAll(async () => {
  all = await EdgeWithJobs.start()
})
afterAll(() => all?.close())

test(`whatever is killed, a key has paid at the end what its jobs took, and never over its quota: seed ${seed}`, async () => {
  const random = new Random(seed)
  const { key } = await all.edge.makeKey({ limits: { tokens_per_day: quota, requests_per_minute: null } })
  const ids: string[] = []
  const statuses = new Map<number, number>()
  const note = async (response: Response, wanted: readonly number[]) => {
    const text = await response.text()
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1)
    expect(wanted, `seed ${seed}: ${response.status} ${text}`).toContain(response.status)
    return { ok: response.ok, body: text }
  }

  async function submit() {
    const model = random.chance(0.15) ? { model: 'another' } : {}
    const max_new_tokens = 1 + random.below(random.chance(0.3) ? 400 : 20)
    const question = { image: tinyPicture, prompt: 'What?', temperature: 0, max_new_tokens, ...model }
    const { ok, body } = await note(await all.submit(key, question), [202, 429])
    if (ok) ids.push((JSON.parse(body) as JobBody).id)
  }
  async function submitBatch() {
    const lines = Array.from({ length: 1 + random.below(4) }, () =>
      JSON.stringify({ image: tinyPicture, prompt: 'Who?', max_new_tokens: 1 + random.below(20) }),
    )
    const headers = { 'content-type': 'application/jsonl' }
    const init = { method: 'POST', body: lines.join('\n'), headers }
    const { ok, body } = await note(await all.call(key, '/v1/batches', init), [202, 429])
    if (!ok) return
    const { id } = JSON.parse(body) as { id: string }
    const results = await (await all.call(key, `/v1/batches/${id}/results`)).text()
    for (const line of results.trimEnd().split('\n')) ids.push((JSON.parse(line) as JobBody).id)
  }
  async function cancel() {
    if (ids.length > 0)
      await note(await all.call(key, `/v1/jobs/${random.pick(ids)}`, { method: 'DELETE' }), [200])
  }

  for (let step = 0; step < steps; step++) {
    const choice = random.next()
    if (choice < 0.45) await submit()
    else if (choice < 0.6) await submitBatch()
    else if (choice < 0.75) await cancel()
    else if (choice < 0.9) {
      await all.edge.kill('SIGKILL')
      await all.edge.restart()
    } else {
      await all.killBackend()
      await all.restartBackend()
    }
    const { limits } = await all.usage(key)
    expect(
      limits.find(({ name }) => name === 'tokensPerDay')?.remaining,
      `seed ${seed}`,
    ).toBeGreaterThanOrEqual(0)
  }

  const jobs = await Promise.all(ids.map((id) => all.finished(key, id)))
  const paid = await all.settled(key)
  const told = `seed ${seed}: ${ids.length} jobs, answers ${JSON.stringify([...statuses])}`
  const took = jobs.reduce((sum, { result }) => sum + (result?.usage.total_tokens ?? 0), 0)
  const days = (await all.usage(key)).days
  const counted = days.reduce((sum, day) => sum + day.prompt_tokens + day.completion_tokens, 0)
  // A job cancelled while it ran has no usage to be seen, but is counted like any.
  expect(paid, told).toBe(counted)
  expect(paid, told).toBeGreaterThanOrEqual(took)
  expect(paid, told).toBeLessThanOrEqual(quota)
  expect(
    days.reduce((sum, { requests }) => sum + requests, 0),
    told,
  ).toBeGreaterThanOrEqual(ids.length)
  if (!jobs.some(({ status }) => status === 'cancelled')) expect(paid, told).toBe(took)
}, 120_000)
