import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { JobBody } from '../../backend/deferral/job-body.ts'
import type { RunningServer } from '../../backend/start-server.ts'
import { tinyPicture } from '../../bench/jobs/tiny-picture.ts'
import { RedisServer } from '../../bench/support/redis-server.ts'
import { endlessAnswer } from '../support/endless-answer.ts'
import { dataUri, samplePath } from '../support/pictures.ts'
import { startTestServer } from '../support/start-test-server.ts'
import { startReceiver } from '../support/webhook-receiver.ts'

const webhookSecret = 'a-webhook-secret-for-tests'
let redisServer: RedisServer
let redis: Redis
let server: RunningServer
let receiver: Awaited<ReturnType<typeof startReceiver>>

beforeAll(async () => {
  receiver = await startReceiver()
  redisServer = await RedisServer.start()
  redis = new Redis(redisServer.url)
  const flags = ['--redis-url', redisServer.url, '--job-lease', '5', '--max-jobs', '50', '--threads', '1']
  const keys = ['--api-key', 'first-key', '--api-key', 'second-key']
  const hooks = ['--webhook-secret', webhookSecret, '--allow-webhook-host', receiver.host]
  server = await startTestServer([...flags, ...keys, ...hooks])
})
afterAll(async () => {
  await server.close()
  redis.disconnect()
  await redisServer.close()
  receiver.close()
})

const question = { image: tinyPicture, prompt: 'What?', max_new_tokens: 4, temperature: 0 }

function call(path: string, init: RequestInit = {}, key = 'first-key') {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...init.headers }
  return fetch(`${server.url}${path}`, { ...init, headers })
}
const submit = (body: unknown, headers: Record<string, string> = {}, key?: string) =>
  call('/v1/jobs', { method: 'POST', body: JSON.stringify(body), headers }, key)

async function finished(id: string): Promise<JobBody> {
  const response = await call(`/v1/jobs/${id}?wait=60`)
  expect(response.status).toBe(200)
  return (await response.json()) as JobBody
}

test('a job is accepted with 202 and answers what the endpoint answers', async () => {
  const response = await submit(question)
  expect(response.status).toBe(202)
  const accepted = (await response.json()) as JobBody
  expect(accepted).toMatchObject({
    object: 'job',
    status: expect.stringMatching(/queued|running/),
    result: null,
  })
  expect(response.headers.get('location')).toBe(`/v1/jobs/${accepted.id}`)
  const job = await finished(accepted.id)
  const direct = await call('/v1/multimodal/completions', { method: 'POST', body: JSON.stringify(question) })
  const whole = (await direct.json()) as NonNullable<JobBody['result']>
  expect(job).toMatchObject({
    status: 'done',
    attempts: 1,
    error: null,
    result: { object: 'multimodal.completion' },
  })
  expect(job.result?.choices).toEqual(whole.choices)
  expect(job.result?.usage.prompt_tokens).toBe(whole.usage.prompt_tokens)
})

test('a form with a file is a job too', async () => {
  const form = new FormData()
  form.set('prompt', 'What?')
  form.set('max_new_tokens', '2')
  form.set('image', new File([Buffer.from(tinyPicture.split(',')[1] ?? '', 'base64')], 'a.png'))
  const response = await fetch(`${server.url}/v1/jobs`, {
    method: 'POST',
    body: form,
    headers: { authorization: 'Bearer first-key' },
  })
  expect(response.status).toBe(202)
  expect(await finished(((await response.json()) as JobBody).id)).toMatchObject({ status: 'done' })
})

test("another key's job is not found, neither read nor ended", async () => {
  const { id } = (await (await submit(question)).json()) as JobBody
  for (const method of ['GET', 'DELETE']) {
    const response = await call(`/v1/jobs/${id}`, { method }, 'second-key')
    expect([response.status, await response.json()]).toMatchObject([404, { error: { code: 'not_found' } }])
  }
  expect(await finished(id)).toMatchObject({ status: 'done' })
})

test('the same Idempotency-Key is the same job, another body under it 422, another caller another job', async () => {
  const key = { 'idempotency-key': 'order 7' }
  const ids = await Promise.all(
    Array.from({ length: 5 }, async () => ((await (await submit(question, key)).json()) as JobBody).id),
  )
  expect(new Set(ids).size).toBe(1)
  const other = await submit({ ...question, prompt: 'Who?' }, key)
  expect([other.status, await other.json()]).toMatchObject([422, { error: { code: 'idempotency_mismatch' } }])
  const stranger = (await (await submit(question, key, 'second-key')).json()) as JobBody
  expect(stranger.id).not.toBe(ids[0])
})

test('a wrong request is refused at submission, naming the field', async () => {
  const cases = [
    [{ ...question, prompt: '' }, 400, 'invalid_request', 'prompt'],
    [{ ...question, stream: true }, 400, 'unsupported_parameter', 'stream'],
    [{ ...question, colour: 1 }, 400, 'unsupported_parameter', 'colour'],
    [{ ...question, webhook: 'http://169.254.169.254/latest' }, 400, 'invalid_request', 'webhook'],
    [{ ...question, webhook: 'file:///etc/passwd' }, 400, 'invalid_request', 'webhook'],
  ] as const
  for (const [body, status, code, param] of cases) {
    const response = await submit(body)
    expect([response.status, await response.json()]).toMatchObject([status, { error: { code, param } }])
  }
})

test('a picture that is none ends the job dead at once, with the reason', async () => {
  const { id } = (await (
    await submit({ ...question, image: 'data:image/png;base64,AAAA' })
  ).json()) as JobBody
  expect(await finished(id)).toMatchObject({
    status: 'dead',
    attempts: 1,
    error: { code: 'invalid_image', param: 'image' },
  })
  const letters = await redis.xrange('glm_dead', '-', '+')
  expect(letters.map(([, fields]) => fields[1])).toContain(id)
})

test('a cancelled job never answers', async () => {
  const image = dataUri(readFileSync(samplePath('receipt.png')))
  const long = { image, prompt: 'Hello', ...endlessAnswer(1500) }
  const { id } = (await (await submit(long)).json()) as JobBody
  const response = await call(`/v1/jobs/${id}`, { method: 'DELETE' })
  expect(await response.json()).toMatchObject({ status: 'cancelled', result: null })
  expect(await finished(id)).toMatchObject({ status: 'cancelled', result: null })
})

test('waiting for a job ends at its time-out, with the job as it is', async () => {
  const { id } = (await (await submit(question)).json()) as JobBody
  const response = await call(`/v1/jobs/${id}?wait=0`)
  expect(await response.json()).toMatchObject({ id, status: expect.stringMatching(/queued|running|done/) })
  const wrong = await call(`/v1/jobs/${id}?wait=3600`)
  expect([wrong.status, await wrong.json()]).toMatchObject([400, { error: { param: 'wait' } }])
  expect(await finished(id)).toMatchObject({ status: 'done' })
})

test('an ended job is posted to its webhook, signed, with its result', async () => {
  const received = receiver.next()
  const { id } = (await (
    await submit({ ...question, webhook: `http://${receiver.host}/hook?a=1` })
  ).json()) as JobBody
  const { url, headers, body } = await received
  expect(url).toBe('/hook?a=1')
  expect(JSON.parse(body)).toMatchObject({ id, object: 'job', status: 'done', result: { choices: [{}] } })
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
  const mac = createHmac('sha256', webhookSecret).update(signed).digest('base64')
  expect(headers['webhook-signature']).toBe(`v1,${mac}`)
  expect(headers['webhook-id']).toBe(`job_${id}`)
})

test('a batch is accepted whole, counts its progress, and gives its results in order', async () => {
  const lines = ['a', 'ab', 'abc'].map((prompt) =>
    JSON.stringify({ ...question, prompt, max_new_tokens: prompt.length }),
  )
  const response = await call('/v1/batches', {
    method: 'POST',
    body: `${lines.join('\n')}\n`,
    headers: { 'content-type': 'application/jsonl' },
  })
  expect(response.status).toBe(202)
  const { id } = (await response.json()) as { id: string }
  const results = async () => (await call(`/v1/batches/${id}/results`)).text()
  const jobs = (await results())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as JobBody)
  for (const job of jobs) await finished(job.id)
  expect(await (await call(`/v1/batches/${id}`)).json()).toMatchObject({
    total: 3,
    open: 0,
    done: 3,
    dead: 0,
  })
  const used = (await results())
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as JobBody).result?.usage)
  const asked = used.map((usage) => (usage?.prompt_tokens ?? 0) - (used[0]?.prompt_tokens ?? 0))
  expect(asked, 'a token a letter').toEqual([0, 1, 2])
  for (const [index, usage] of used.entries()) {
    expect(usage?.completion_tokens).toBeGreaterThan(0)
    expect(usage?.completion_tokens).toBeLessThanOrEqual(index + 1)
  }
  expect((await call(`/v1/batches/${id}`, {}, 'second-key')).status).toBe(404)
})

test('one bad line refuses its batch whole, naming the line; a batch that does not fit is refused', async () => {
  const post = (body: string) =>
    call('/v1/batches', { method: 'POST', body, headers: { 'content-type': 'application/jsonl' } })
  const before = await redis.xlen('glm_queue')
  const bad = await post(`${JSON.stringify(question)}\n\n{"prompt":3}\n`)
  expect([bad.status, await bad.json()]).toMatchObject([
    400,
    { error: { message: expect.stringMatching(/^line 3: /) } },
  ])
  const many = await post(Array.from({ length: 51 }, () => JSON.stringify(question)).join('\n'))
  expect([many.status, await many.json()]).toMatchObject([503, { error: { code: 'queue_full' } }])
  expect(many.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(await redis.xlen('glm_queue')).toBeLessThanOrEqual(before)
})

test('a producer in Python gets its answer with three lines', async () => {
  const program = `
import sys, time, redis
r = redis.Redis.from_url(sys.argv[1], decode_responses=True)
job = r.xadd("glm_queue", {"image_url": sys.argv[2], "prompt": "What?", "max_new_tokens": 4, "temperature": 0})
while r.hget(f"glm:job:{job}", "status") not in ("done", "dead"): time.sleep(0.05)
print(r.hget(f"glm:job:{job}", "content"), end="")`
  const python = spawn('/usr/bin/python3', ['-c', program, redisServer.url, tinyPicture], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output] = await Promise.all([text(python.stdout), once(python, 'exit')])
  const direct = await call('/v1/multimodal/completions', { method: 'POST', body: JSON.stringify(question) })
  const whole = (await direct.json()) as NonNullable<JobBody['result']>
  expect(output).toBe(whole.choices[0]?.message.content)
})
