import type { z } from '@hono/zod-openapi'
import type { timingsSchema } from '../../shared/completion-schema.ts'
import type { RequestTimings } from './completion-request.ts'

const round = (ms: number) => Math.round(ms * 10) / 10

/** Where a request's time went, as logs and streams spell it. */
export function timingsBody(timings: RequestTimings): z.infer<typeof timingsSchema> {
  return {
    ttft_ms: round(timings.ttftMs),
    fetch_ms: round(timings.fetchMs),
    queue_ms: round(timings.queueMs),
    image_ms: round(timings.imageMs),
    vision_ms: round(timings.visionMs),
    prefill_ms: round(timings.prefillMs),
    decode_ms: round(timings.decodeMs),
  }
}

/** The same stages as a `Server-Timing` header, which browsers show beside the request. */
export function serverTiming(timings: RequestTimings): string {
  const { ttft_ms: _, ...stages } = timingsBody(timings)
  return Object.entries(stages)
    .map(([name, ms]) => `${name.replace('_ms', '')};dur=${ms}`)
    .join(', ')
}

/** How a route declares that header. */
export const serverTimingHeader = {
  'Server-Timing': {
    schema: { type: 'string' as const },
    description:
      'The stages `fetch`, `queue`, `image`, `vision`, `prefill` and `decode` in milliseconds; not in streams.',
  },
}
