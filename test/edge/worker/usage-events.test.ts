import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import worker from '../../../edge/worker.ts'
import { makeKey, tinyPng } from './support.ts'

/** Asks the Worker with a data set bound; returns the events it wrote. */
async function eventsOf(key: string, prompt: string): Promise<AnalyticsEngineDataPoint[]> {
  const events: AnalyticsEngineDataPoint[] = []
  const USAGE: AnalyticsEngineDataset = { writeDataPoint: (event) => void (event && events.push(event)) }
  const ctx = createExecutionContext()
  const request = new Request<unknown, IncomingRequestCfProperties>(
    'http://edge.test/v1/multimodal/completions',
    {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ image: `data:image/png;base64,${tinyPng}`, prompt, max_new_tokens: 50 }),
    },
  )
  const response = await worker.fetch(request, { ...env, USAGE }, ctx)
  await response.text()
  await waitOnExecutionContext(ctx)
  return events
}

test('an answer leaves one usage event: whose, what, how it ended, and its real count', async () => {
  const { id, key } = await makeKey({ tenant: 'tenant-of-events' })
  const [event, ...others] = await eventsOf(key, 'say 3')
  expect(others).toEqual([])
  expect(event?.indexes).toEqual(['tenant-of-events'])
  expect(event?.blobs).toEqual([id, '/v1/multimodal/completions', 'success'])
  const [promptTokens, completionTokens, images] = event?.doubles ?? []
  expect({ promptTokens, completionTokens, images }).toEqual({
    promptTokens: 7,
    completionTokens: 3,
    images: 1,
  })
})

test('a request that the backend refuses leaves an event that charges nothing', async () => {
  const { key } = await makeKey()
  const [event] = await eventsOf(key, 'refuse 503')
  expect(event?.blobs?.[2]).toBe('error')
  expect(event?.doubles?.slice(0, 2)).toEqual([0, 0])
})

test('a usage event holds neither the prompt nor the key', async () => {
  const { key } = await makeKey()
  const events = await eventsOf(key, 'say 2 and keep this secret')
  expect(JSON.stringify(events)).not.toContain('secret')
  expect(JSON.stringify(events)).not.toContain(key)
})
