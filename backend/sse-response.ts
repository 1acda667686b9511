import type { Context } from 'hono'

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
export function sseResponse(c: Context, events: AsyncIterable<string>): Response {
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
          else controller.enqueue(encoder.encode(`data: ${value}\n\n`))
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
