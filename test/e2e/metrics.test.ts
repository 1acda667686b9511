import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../backend/start-server.ts'
import { tinyPicture } from '../../bench/jobs/tiny-picture.ts'
import { startTestServer } from '../support/start-test-server.ts'

let server: RunningServer
beforeAll(async () => {
  server = await startTestServer(['--api-key', 'a-key-for-tests', '--threads', '1'])
})
afterAll(() => server.close())

const headers = { authorization: 'Bearer a-key-for-tests', 'content-type': 'application/json' }

/** A sample's value; null when it is not there. */
async function sample(name: string): Promise<number | null> {
  const text = await (await fetch(`${server.url}/metrics`, { headers })).text()
  const line = text.split('\n').find((known) => known.startsWith(`${name} `))
  return line === undefined ? null : Number(line.slice(name.length + 1))
}

const ask = (body: unknown) =>
  fetch(`${server.url}/v1/multimodal/completions`, { method: 'POST', headers, body: JSON.stringify(body) })

test('an answer is counted once: its tokens, its stages, its end', async () => {
  const answer = await ask({ image: tinyPicture, prompt: 'What?', max_new_tokens: 3, temperature: 0 })
  const { usage } = (await answer.json()) as { usage: { prompt_tokens: number; completion_tokens: number } }
  expect(await sample('glm_prompt_tokens_total')).toBe(usage.prompt_tokens)
  expect(await sample('glm_generation_tokens_total')).toBe(usage.completion_tokens)
  for (const stage of ['time_to_first_token', 'request_vision_time', 'e2e_request_latency']) {
    expect(await sample(`glm_${stage}_seconds_count`)).toBe(1)
  }
  expect(await sample('glm_up')).toBe(1)
  expect(await sample('glm_num_requests_running')).toBe(0)
})

test('errors are counted by code and route, and what strangers type makes no series', async () => {
  await ask({ image: 'data:image/png;base64,AAAA', prompt: 'p' })
  await fetch(`${server.url}/secret-path-1`, { headers })
  expect(await sample('glm_request_errors_total{code="invalid_image"}')).toBe(1)
  const text = await (await fetch(`${server.url}/metrics`, { headers })).text()
  expect(text).toContain('route="/v1/multimodal/completions",status="400"')
  expect(text).not.toContain('secret-path')
})

test('metrics take a key where there are keys', async () => {
  expect((await fetch(`${server.url}/metrics`)).status).toBe(401)
})
