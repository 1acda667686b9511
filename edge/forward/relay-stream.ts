import { ApiError } from '../../shared/errors.ts'
import { lastUsageComment, type StreamUsage, sseEvent, streamEnd } from '../../shared/sse.ts'

type StreamOutcome = 'complete' | 'client_left' | 'broken'

export interface StreamResult {
  readonly outcome: StreamOutcome
  /** Tokens read and written as far as the stream told; null: it told nothing. */
  readonly usage: StreamUsage | null
  readonly error: ApiError | null
}

/** More without the end of an event is passed on as it is. */
const maxEventBytes = 256 * 1024
const lineFeed = 0x0a

/**
 * Passes server-sent events on, byte for byte and as they come, but only whole ones: a stream that breaks off inside
 * an event ends with an error event a client can read, never with half an event or in silence. `ended` is called once.
 */
export function relayStream(
  upstream: ReadableStream<Uint8Array>,
  ended: (result: StreamResult) => void,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const reader = upstream.getReader()
  const held = new HeldEvents()
  let over = false
  const end = (outcome: StreamOutcome, error: ApiError | null = null) => {
    if (over) return
    over = true
    ended({ outcome, usage: held.usage, error })
  }
  const breakOff = (controller: ReadableStreamDefaultController<Uint8Array>, cause: unknown) => {
    if (over) return
    const error =
      cause instanceof ApiError
        ? cause
        : new ApiError('backend_unreachable', 'the answer broke off', { cause })
    controller.enqueue(new TextEncoder().encode(sseEvent(JSON.stringify(error.body()))))
    controller.close()
    end(error.code === 'client_closed_request' ? 'client_left' : 'broken', error)
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          for (;;) {
            const { done, value } = await reader.read()
            const events = value && held.push(value)
            if (events) return controller.enqueue(events)
            if (!done) continue
            if (!held.complete) return breakOff(controller, new Error('no final event'))
            controller.close()
            return end('complete')
          }
        } catch (error) {
          breakOff(controller, signal.aborted ? signal.reason : error)
        }
      },
      async cancel(reason) {
        end('client_left')
        await reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

/** Collects bytes to whole events, and reads along what they tell of usage. */
class HeldEvents {
  readonly #text = new TextDecoder()
  #held = new Uint8Array(0)
  #complete = false
  #usage: StreamUsage | null = null

  /** Whether the stream's last event has come. */
  get complete() {
    return this.#complete
  }

  get usage() {
    return this.#usage
  }

  /** The whole events there are now; null: none. */
  push(chunk: Uint8Array): Uint8Array | null {
    const bytes = this.#held.length === 0 ? chunk : joined(this.#held, chunk)
    const end = bytes.length > maxEventBytes ? bytes.length : endOfEvents(bytes)
    this.#held = bytes.slice(end)
    if (end === 0) return null
    const events = bytes.subarray(0, end)
    const text = this.#text.decode(events)
    this.#usage = lastUsageComment(text) ?? this.#usage
    this.#complete ||= text.startsWith(streamEnd) || text.includes(`\n${streamEnd}`)
    return events
  }
}

/** Index after the last blank line. */
function endOfEvents(bytes: Uint8Array): number {
  for (let at = bytes.length - 1; at > 0; at--) {
    if (bytes[at] === lineFeed && bytes[at - 1] === lineFeed) return at + 1
  }
  return 0
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(a.length + b.length)
  whole.set(a)
  whole.set(b, a.length)
  return whole
}
