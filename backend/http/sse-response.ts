import type { Context } from 'hono'
import { sseEvent, usageComment } from '../../shared/sse.ts'
import type { HttpEnv } from './http-env.ts'

/** Silence after which a comment is sent, so that no proxy takes a slow answer for a dead one. */
const HEARTBEAT_MS = 15_000

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const

/**
 * Sends each string as one event, as fast as the client reads. When the client leaves, the iterator is returned, which
 * cancels whatever produces it. The iterator must not throw: what goes wrong mid-stream is an event of its own.
 */
export function sseResponse(c: Context<HttpEnv>, events: AsyncIterable<string>): Response {
  const iterator = events[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const heartbeat = setInterval(
          () => controller.enqueue(encoder.encode(': keep-alive\n\n')),
          HEARTBEAT_MS,
        )
        try {
          const { done, value } = await iterator.next()
          if (done === true) controller.close()
          else controller.enqueue(encoder.encode(usageSoFar(c) + sseEvent(value)))
        } finally {
          clearInterval(heartbeat)
        }
      },
      async cancel() {
        await iterator.return?.()
      },
    },
    { highWaterMark: 0 },
  )
  return c.body(body, 200, headers)
}

/** The edge charges for what it has seen of an answer; other clients are told once, at the end. */
function usageSoFar(c: Context<HttpEnv>): string {
  if (c.get('signed') === null) return ''
  const { promptTokens, completionTokens } = c.get('tokens')
  return usageComment(promptTokens, completionTokens)
}
