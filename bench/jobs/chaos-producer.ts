import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { tinyPicture } from './tiny-picture.ts'

/** One job in so many is a picture that is none: it must end among the dead letters, at once. */
const BAD_EVERY = 25
const PATIENCE_MS = 60_000
const REQUEST_TIMEOUT_MS = 8000

/** Long enough to be hit while it runs. */
const question = { prompt: 'Hello', max_new_tokens: 300, temperature: 1.9 }

export interface Accepted {
  readonly ids: readonly string[]
  /** Submissions of unknown fate (the answer was lost), each then made again as a new one. */
  readonly unheard: number
  readonly refusals: number
}

/**
 * Submits so many jobs, half over HTTP (with an Idempotency-Key, asked again until some backend says 202), half with a
 * bare XADD. An id counts as accepted when its producer was told so.
 */
export async function produce(
  count: number,
  redis: Redis,
  backendUrl: () => string | null,
  everyMs: number,
): Promise<Accepted> {
  const ids: string[] = []
  const tally = { unheard: 0, refusals: 0 }
  const one = async (index: number) => {
    const image = index % BAD_EVERY === BAD_EVERY - 1 ? 'data:image/png;base64,AAAA' : tinyPicture
    const submit = index % 2 === 0 ? () => overHttp(index, image, backendUrl()) : () => byHand(redis, image)
    const untilMs = performance.now() + PATIENCE_MS
    while (performance.now() < untilMs) {
      const id = await submit()
      if (id.startsWith('unheard')) tally.unheard += 1
      else if (id.startsWith('refused')) tally.refusals += 1
      else {
        ids.push(id)
        return
      }
      await delay(200)
    }
    throw new Error('nobody accepted a job within a minute')
  }
  const all: Promise<void>[] = []
  for (let index = 0; index < count; index++) {
    all.push(one(index))
    await delay(everyMs)
  }
  await Promise.all(all)
  return { ids, ...tally }
}

async function overHttp(index: number, image: string, url: string | null): Promise<string> {
  if (url === null) return 'refused'
  try {
    const response = await fetch(`${url}/v1/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': `chaos ${index}` },
      body: JSON.stringify({ image, ...question }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    })
    const { id } = (await response.json()) as { id?: string }
    return response.status === 202 && id !== undefined ? id : 'refused'
  } catch {
    return 'refused' // the key makes asking again safe, whatever became of this one
  }
}

async function byHand(redis: Redis, image: string): Promise<string> {
  const fields = Object.entries(question).flatMap(([name, value]) => [name, String(value)])
  try {
    return (await redis.xadd('glm_queue', '*', 'image_url', image, ...fields)) ?? 'unheard'
  } catch {
    return 'unheard'
  }
}
