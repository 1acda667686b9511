import { ApiError } from '../shared/errors.ts'
import type { StreamUsage } from '../shared/sse.ts'
import type { StreamResult } from './forward/relay-stream.ts'
import type { HttpContext } from './http-env.ts'
import { sumOf } from './intake/intake.ts'
import type { SizedPicture } from './intake/picture.ts'
import type { Lease } from './keys/lease.ts'
import { describeError, log } from './log.ts'

const noTokens: StreamUsage = { promptTokens: 0, completionTokens: 0 }

/**
 * An admitted request until its real end: for a stream, when the last byte was read or the client left. Then it settles
 * its lease with what was used, tells the log and the usage events, and lets go of its backend. Exactly once.
 */
export class Run {
  readonly lease: Lease
  readonly deadlineMs: number
  /** Aborted when the client leaves, time is up or the key is withdrawn. Its reason is what the client is told. */
  readonly signal: AbortSignal
  backend: string | null = null
  readonly #c: HttpContext
  readonly #startMs: number
  readonly #stop = new AbortController()
  readonly #timer: ReturnType<typeof setTimeout>
  readonly #over = Promise.withResolvers<void>()
  #pictures: readonly SizedPicture[]
  #ended = false

  constructor(c: HttpContext, lease: Lease, pictures: readonly SizedPicture[]) {
    const { settings, now } = c.get('services')
    this.#c = c
    this.lease = lease
    this.#pictures = pictures
    this.#startMs = now()
    this.deadlineMs = this.#startMs + settings.REQUEST_TIMEOUT_MS
    this.signal = this.#stop.signal
    this.#timer = setTimeout(
      () => this.#stop.abort(tooLate(settings.REQUEST_TIMEOUT_MS)),
      settings.REQUEST_TIMEOUT_MS,
    )
    c.req.raw.signal.addEventListener('abort', () => this.#stop.abort(clientLeft()), { once: true })
    lease.lost.addEventListener('abort', () => this.#stop.abort(lease.lost.reason), { once: true })
    c.set('logsItself', true)
    // Without this the platform ends us with the client's connection, before anything is settled.
    c.executionCtx.waitUntil(this.#over.promise)
  }

  addPictures(pictures: readonly SizedPicture[]) {
    this.#pictures = [...this.#pictures, ...pictures]
  }

  /** The backend's whole answer is here. Without usage, an answer is charged as reserved and a refusal not at all. */
  answered(status: number, usage: StreamUsage | null) {
    const tokens =
      status < 400 ? (usage ?? { promptTokens: this.lease.maxTokens, completionTokens: 0 }) : noTokens
    this.#end(tokens, true, { http_status: status, status: status < 400 ? 'success' : 'error' })
  }

  streamEnded({ outcome, usage, error }: StreamResult) {
    const status = { complete: 'success', client_left: 'cancelled', broken: 'error' }[outcome]
    const untold =
      outcome === 'complete' ? { promptTokens: this.lease.maxTokens, completionTokens: 0 } : noTokens
    this.#stop.abort(clientLeft())
    this.#end(usage ?? untold, true, { http_status: 200, status, ...(error && { error: error.code }) })
  }

  /** Nothing was answered, so nothing but the request itself is charged. */
  fail(error: unknown) {
    const known = this.reasonFor(error)
    const code = known instanceof ApiError ? known.code : 'internal_error'
    const status = code === 'client_closed_request' ? 'cancelled' : 'error'
    this.#end(noTokens, false, { status, error: code })
  }

  /** What really ended the request: an abort comes back from the platform in many disguises. */
  reasonFor(error: unknown): unknown {
    return this.signal.aborted ? this.signal.reason : error
  }

  #end(tokens: StreamUsage, usedPictures: boolean, fields: Record<string, unknown>) {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#timer)
    if (this.backend !== null) this.#c.get('services').pool.ended(this.backend)
    const { imageBytes, pixels } = usedPictures ? sumOf(this.#pictures) : { imageBytes: 0, pixels: 0 }
    const images = usedPictures ? this.#pictures.length : 0
    const settled = this.lease.settle({ ...tokens, images, imageBytes, pixels })
    settled
      .catch((error: unknown) => log('ERROR', 'Use not settled', describeError(error)))
      .finally(() => this.#over.resolve())
    this.#tell(tokens, fields)
  }

  #tell({ promptTokens, completionTokens }: StreamUsage, fields: Record<string, unknown>) {
    const durationMs = this.#c.get('services').now() - this.#startMs
    const { tenant } = this.lease
    const all = {
      ...this.#c.get('logFields'),
      duration_ms: durationMs,
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      images: this.#pictures.length,
      backend: this.backend,
      ...fields,
    }
    log(fields['status'] === 'error' ? 'WARN' : 'INFO', 'Request processed', all)
    this.#c.env.USAGE?.writeDataPoint({
      indexes: [tenant],
      blobs: [this.#c.get('key').id, this.#c.req.path, String(fields['status'])],
      doubles: [promptTokens, completionTokens, this.#pictures.length, durationMs],
    })
  }
}

function clientLeft() {
  return new ApiError('client_closed_request', 'the client left')
}

function tooLate(timeoutMs: number) {
  return new ApiError('deadline_exceeded', `the answer was not complete within ${timeoutMs} ms`)
}
