import { evictDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { Random } from '../../support/random.ts'
import { job, quotaUsed, reservationsOf, settle, submit, submitBatch, usageOf } from './job-support.ts'
import { complete, keyObject, type MadeKey, makeKey } from './support.ts'

const quota = 12_000
const steps = 60
/** `SEED` is not at hand inside the platform: a failing seed is put first here. */
const seeds = [Math.floor(Math.random() * 2 ** 31), 1]

/** What a line reserved, and what it has really taken: null until it is settled. */
interface Line {
  readonly id: string
  readonly most: number
  /** Given back at once, since nobody knew whether it was accepted. */
  readonly doubtful: boolean
  real: number | null
}

/** One key under random submissions, ends and restarts, beside an account of it kept naively. */
class History {
  readonly #random: Random
  readonly #made: MadeKey
  readonly #lines = new Map<string, Line>()
  #direct = 0
  #seen = 0

  constructor(made: MadeKey, random: Random) {
    this.#made = made
    this.#random = random
  }

  async step() {
    const choice = this.#random.next()
    if (choice < 0.3) await this.#submit('say 1')
    else if (choice < 0.36) await this.#submit(this.#random.pick(['refuse 422', 'refuse 503']))
    else if (choice < 0.42) await this.#submit('doubt')
    else if (choice < 0.5) await this.#submitMany()
    else if (choice < 0.56) await this.#ask()
    else if (choice < 0.62) await this.#prefer()
    else if (choice < 0.95) await this.#settle()
    else await this.#restart()
    await this.#check()
  }

  /** Every job ends; one of unknown fate may never have begun. */
  async end() {
    for (const line of this.#lines.values()) {
      if (line.real === null && !(line.doubtful && this.#random.chance(0.5))) await this.#settleLine(line)
    }
    await this.#check()
    expect((await usageOf(this.#made.key)).open_jobs).toEqual({ count: 0, tokens: 0 })
    const spent = [...this.#lines.values()].reduce((sum, { real }) => sum + (real ?? 0), this.#direct)
    expect(await quotaUsed(this.#made.key)).toBe(spent)
    return { jobs: this.#lines.size, spent }
  }

  async #submit(prompt: string) {
    const max_new_tokens = 1 + this.#random.below(400)
    const { status } = await submit(this.#made.key, { prompt, max_new_tokens })
    await this.#note(status === 202 ? 'accepted' : prompt === 'doubt' ? 'doubtful' : 'refused')
  }

  async #submitMany() {
    const lines = Array.from({ length: 1 + this.#random.below(4) }, () =>
      job({ max_new_tokens: 1 + this.#random.below(200) }),
    )
    const { status } = await submitBatch(this.#made.key, lines)
    await this.#note(status === 202 ? 'accepted' : 'refused')
  }

  /** An answer at once, among the jobs. */
  async #ask() {
    const response = await complete(this.#made.key, { prompt: 'say 3', max_new_tokens: 10 })
    await response.text()
    if (response.ok) this.#direct += 10
  }

  async #prefer() {
    const fields = { prompt: 'later', max_new_tokens: 1 + this.#random.below(200) }
    const { status } = await complete(this.#made.key, fields, { prefer: 'respond-async' })
    await this.#note(status === 202 ? 'accepted' : 'refused')
  }

  /** What the backend was told in the last step, if it was told anything. */
  async #note(fate: 'accepted' | 'refused' | 'doubtful') {
    const submissions = await reservationsOf(this.#made)
    const fresh = submissions.slice(this.#seen)
    this.#seen = submissions.length
    if (fate === 'refused') return
    for (const { lines } of fresh) {
      for (const line of lines) {
        this.#lines.set(line.id, { ...line, doubtful: fate === 'doubtful', real: null })
      }
    }
  }

  async #settle() {
    if (this.#lines.size > 0) await this.#settleLine(this.#random.pick([...this.#lines.values()]))
  }

  /** What comes next meets an object that has read nothing yet. */
  async #restart() {
    await evictDurableObject(keyObject(this.#made.id))
    if (this.#random.chance(0.5)) await this.#settle()
  }

  /** The first settlement counts, whatever later ones say. Cancelled jobs have taken nothing, or a part. */
  async #settleLine(line: Line) {
    const real = this.#random.chance(0.3) ? 0 : this.#random.below(line.most + 1)
    const prompt = this.#random.below(real + 1)
    const times = this.#random.chance(0.3) ? 2 : 1
    for (let time = 0; time < times; time++) {
      expect((await settle(this.#made.id, line.id, prompt, real - prompt)).status).toBe(200)
    }
    line.real ??= real
  }

  async #check() {
    const lines = [...this.#lines.values()]
    const open = lines.filter(({ real, doubtful }) => real === null && !doubtful)
    const reserved = open.reduce((sum, { most }) => sum + most, 0)
    const real = lines.reduce((sum, line) => sum + (line.real ?? 0), this.#direct)
    const late = lines.filter(({ doubtful }) => doubtful).reduce((sum, line) => sum + (line.real ?? 0), 0)
    // Leases of submissions and answers end a moment after their callers heard.
    await expect.poll(() => quotaUsed(this.#made.key)).toBe(Math.min(quota, real + reserved))
    expect(real - late + reserved).toBeLessThanOrEqual(quota)
    expect((await usageOf(this.#made.key)).open_jobs).toEqual({ count: open.length, tokens: reserved })
  }
}

test.each(seeds)('in any history a job’s share is held until it is settled, once: seed %i', async (seed) => {
  const limits = { requests_per_minute: null, tokens_per_minute: null, tokens_per_day: quota }
  const made = await makeKey({ limits })
  const history = new History(made, new Random(seed))
  for (let step = 0; step < steps; step++) await history.step()
  const { jobs } = await history.end()
  // Or the history has shown nothing.
  expect(jobs).toBeGreaterThan(5)
})
