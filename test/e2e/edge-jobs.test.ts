import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { JobBody } from '../../backend/deferral/job-body.ts'
import { tinyPicture } from '../../bench/jobs/tiny-picture.ts'
import { settlementsPath, signSettlements } from '../../shared/settlement.ts'
import { parseSigningKeys } from '../../shared/signing.ts'
import { EdgeWithJobs } from '../support/edge-with-jobs.ts'
import { endlessAnswer } from '../support/endless-answer.ts'
import { dataUri, samplePath } from '../support/pictures.ts'
import { edgeSecrets } from '../support/self-hosted-edge.ts'
import { startReceiver } from '../support/webhook-receiver.ts'

const webhookSecret = 'a-webhook-secret-for-tests'
let all: EdgeWithJobs
let receiver: Awaited<ReturnType<typeof startReceiver>>
beforeAll(async () => {
  receiver = await startReceiver()
  const hooks = ['--webhook-secret', webhookSecret, '--allow-webhook-host', receiver.host]
  all = await EdgeWithJobs.start(['--max-queue', '1', '--max-batch-size', '1', ...hooks])
})
afterAll(async () => {
  await all?.close()
  receiver?.close()
})

const question = { image: tinyPicture, prompt: 'What?', max_new_tokens: 4, temperature: 0 }
const long = () => ({
  image: dataUri(readFileSync(samplePath('receipt.png'))),
  prompt: 'Hello',
  ...endlessAnswer(1500),
})

const newKey = () => all.edge.makeKey({ limits: { tokens_per_day: 1_000_000 } })

async function accepted(key: string, body: unknown = question): Promise<string> {
  const response = await all.submit(key, body)
  const text = await response.text()
  expect(response.status, text).toBe(202)
  return (JSON.parse(text) as JobBody).id
}

const spent = ({ result }: JobBody) => result?.usage.total_tokens ?? 0

/** Asks Redis itself: the edge may be down. */
async function ended(id: string): Promise<void> {
  while (!/done|dead|cancelled/.test((await all.redis.hget(`glm:job:${id}`, 'status')) ?? '')) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('a job answers what the endpoint answers, and its key pays what it took', async () => {
  const { key } = await newKey()
  const response = await all.submit(key, question)
  const { id } = (await response.json()) as JobBody
  expect(response.headers.get('location')).toBe(`/v1/jobs/${id}`)
  const job = await all.finished(key, id)
  const direct = await all.call(key, '/v1/multimodal/completions', {
    method: 'POST',
    body: JSON.stringify(question),
  })
  const whole = (await direct.json()) as NonNullable<JobBody['result']>
  expect(job).toMatchObject({ status: 'done', result: { choices: whole.choices } })
  await expect.poll(() => all.settled(key)).toBe(spent(job) + whole.usage.total_tokens)
  expect((await all.usage(key)).days).toMatchObject([{ requests: 2 }])
})

test('another key sees nothing of it, in any way', async () => {
  const [{ key }, stranger] = await Promise.all([newKey(), newKey()])
  const id = await accepted(key)
  for (const [method, query] of [
    ['GET', ''],
    ['GET', '?wait=30'],
    ['DELETE', ''],
  ] as const) {
    const response = await all.call(stranger.key, `/v1/jobs/${id}${query}`, { method })
    expect([response.status, await response.json()]).toMatchObject([404, { error: { code: 'not_found' } }])
  }
  expect(await all.finished(key, id)).toMatchObject({ status: 'done' })
})

test('an ended job is posted to its webhook, signed; a private address is refused', async () => {
  const { key } = await newKey()
  const received = receiver.next()
  const id = await accepted(key, { ...question, webhook: `http://${receiver.host}/hook` })
  const { headers, body } = await received
  expect(JSON.parse(body)).toMatchObject({ id, status: 'done', result: { choices: [{}] } })
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
  const mac = createHmac('sha256', webhookSecret).update(signed).digest('base64')
  expect(headers['webhook-signature']).toBe(`v1,${mac}`)
  const refused = await all.submit(key, { ...question, webhook: 'http://169.254.169.254/latest' })
  expect([refused.status, await refused.json()]).toMatchObject([400, { error: { param: 'webhook' } }])
  expect(await all.settled(key)).toBe(spent(JSON.parse(body)))
})

test('what runs holds its upper bound; cancelled, it is charged what it had taken, and the rest given back', async () => {
  const { key } = await newKey()
  const id = await accepted(key, long())
  const running = async () => ((await (await all.call(key, `/v1/jobs/${id}`)).json()) as JobBody).status
  await expect.poll(running).toBe('running')
  const { open_jobs } = await all.usage(key)
  expect(open_jobs.count).toBe(1)
  expect(open_jobs.tokens).toBeGreaterThan(1500)
  expect(await (await all.call(key, `/v1/jobs/${id}`, { method: 'DELETE' })).json()).toMatchObject({
    status: 'cancelled',
  })
  expect(await all.settled(key)).toBeLessThan(open_jobs.tokens)
  expect((await all.usage(key)).days).toMatchObject([{ requests: 1 }])
})

test('a job that cannot succeed costs nothing', async () => {
  const { key } = await newKey()
  const id = await accepted(key, { ...question, model: 'another' })
  expect(await all.finished(key, id)).toMatchObject({ status: 'dead', error: { code: 'model_not_found' } })
  expect(await all.settled(key)).toBe(0)
})

test('the same Idempotency-Key is the same job, paid for once', async () => {
  const { key } = await newKey()
  const once = { 'idempotency-key': 'order 7' }
  const bodies = await Promise.all(
    Array.from({ length: 4 }, async () => (await all.submit(key, question, once)).json() as Promise<JobBody>),
  )
  expect(new Set(bodies.map(({ id }) => id)).size).toBe(1)
  const job = await all.finished(key, bodies[0]?.id ?? '')
  expect(await all.settled(key)).toBe(spent(job))
  const other = await all.submit(key, { ...question, prompt: 'Who?' }, once)
  expect([other.status, await other.json()]).toMatchObject([422, { error: { code: 'idempotency_mismatch' } }])
  expect(await all.settled(key)).toBe(spent(job))
})

test('a batch is accepted whole, tells its progress, and pays line by line', async () => {
  const { key } = await newKey()
  const stranger = await newKey()
  const lines = ['a', 'ab', 'abc'].map((prompt) =>
    JSON.stringify({ ...question, prompt, max_new_tokens: prompt.length }),
  )
  const headers = { 'content-type': 'application/jsonl' }
  const response = await all.call(key, '/v1/batches', { method: 'POST', body: lines.join('\n'), headers })
  expect(response.status).toBe(202)
  const { id } = (await response.json()) as { id: string }
  const results = async () =>
    (await (await all.call(key, `/v1/batches/${id}/results`)).text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as JobBody)
  for (const job of await results()) await all.finished(key, job.id)
  expect(await (await all.call(key, `/v1/batches/${id}`)).json()).toMatchObject({
    total: 3,
    open: 0,
    done: 3,
  })
  const jobs = await results()
  const used = jobs.map(({ result }) => result?.usage)
  const asked = used.map((usage) => (usage?.prompt_tokens ?? 0) - (used[0]?.prompt_tokens ?? 0))
  expect(asked, 'a token a letter').toEqual([0, 1, 2])
  for (const [index, usage] of used.entries()) {
    expect(usage?.completion_tokens).toBeGreaterThan(0)
    expect(usage?.completion_tokens).toBeLessThanOrEqual(index + 1)
  }
  expect(await all.settled(key)).toBe(jobs.reduce((sum, job) => sum + spent(job), 0))
  expect((await all.call(stranger.key, `/v1/batches/${id}`)).status).toBe(404)
  expect((await all.call(stranger.key, `/v1/batches/${id}/results`)).status).toBe(404)
})

test('with a full queue, who prefers it gets a job instead of a refusal, paid for like any', async () => {
  const { key } = await newKey()
  const ask = (body: unknown, headers: Record<string, string> = {}) =>
    all.call(key, '/v1/multimodal/completions', { method: 'POST', body: JSON.stringify(body), headers })
  const leave = new AbortController()
  const fill = () =>
    all
      .call(key, '/v1/multimodal/completions', {
        method: 'POST',
        body: JSON.stringify({ ...long(), stream: true }),
        signal: leave.signal,
      })
      .then((response) => response.text())
      .catch(() => '')
  const busy = [fill(), fill()]
  const load = async () => {
    const status = (await (await fetch(`${all.backendUrl}/v1/status`)).json()) as {
      running: number
      waiting: number
    }
    return status.running + status.waiting
  }
  await expect.poll(load).toBe(2)
  const refused = await ask(question)
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: 'queue_full' } }])
  const preferred = await ask({ ...question, stream: true }, { prefer: 'respond-async' })
  expect([preferred.status, preferred.headers.get('preference-applied')]).toEqual([202, 'respond-async'])
  const { id } = (await preferred.json()) as JobBody
  expect((await all.usage(key)).open_jobs.count).toBe(1)
  leave.abort()
  await Promise.all(busy)
  expect(await all.finished(key, id)).toMatchObject({ status: 'done' })
  await all.settled(key)
})

test('an edge that was down is told when it is back, once; telling it again changes nothing', async () => {
  const { id: keyId, key } = await newKey()
  const id = await accepted(key)
  await all.edge.kill('SIGKILL')
  await ended(id)
  const reservation = (await all.redis.hget(`glm:job:${id}`, 'reservation')) ?? ''
  expect(await all.redis.hget('glm:settling', reservation)).not.toBeNull()
  await all.edge.restart()
  const job = await all.finished(key, id)
  expect(await all.settled(key)).toBe(spent(job))
  await expect.poll(() => all.redis.hlen('glm:settling')).toBe(0)

  const [settlementKey] = parseSigningKeys(edgeSecrets.SETTLEMENT_KEYS)
  if (settlementKey === undefined) throw new Error('the key parses')
  const settlement = {
    reservation: reservation.slice(keyId.length + 1),
    prompt_tokens: 900,
    completion_tokens: 99,
  }
  const body = new Uint8Array(Buffer.from(JSON.stringify({ key: keyId, settlements: [settlement] })))
  const headers = await signSettlements(settlementKey, body, Date.now())
  const tell = async () =>
    (await fetch(`${all.edge.url}${settlementsPath}`, { method: 'POST', headers, body })).status
  expect([await tell(), await tell()]).toEqual([200, 401])
  expect(await all.settled(key)).toBe(spent(job))
})

test('a backend that dies between a result and its settlement leaves it to the next', async () => {
  const { key } = await newKey()
  const id = await accepted(key)
  await all.edge.kill('SIGKILL')
  await ended(id)
  await all.killBackend()
  await all.edge.restart()
  expect((await all.usage(key)).open_jobs.count).toBe(1)
  await all.restartBackend()
  const job = await all.finished(key, id)
  expect(await all.settled(key)).toBe(spent(job))
})

test('while Redis is away nothing is taken and nothing stays reserved', async () => {
  const { key } = await newKey()
  await all.redisServer.kill()
  const refused = await all.submit(key, question)
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: 'not_ready' } }])
  expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  expect(await all.settled(key)).toBe(0)
  await all.redisServer.resume()
  await expect.poll(async () => (await all.submit(key, question)).status, { timeout: 10_000 }).toBe(202)
  expect(await all.settled(key)).toBeGreaterThan(0)
})
