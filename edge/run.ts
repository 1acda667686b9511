import { ApiError } from '../shared/errors.ts'
import type { StreamUsage } from '../shared/sse.ts'
import type { StreamResult } from './forward/relay-stream.ts'
import type { HttpContext } from './http-env.ts'
import { sumOf } from './intake/intake.ts'
import type { SizedPicture } from './intake/picture.ts'
import { reserveJobs } from './jobs/reserve-jobs.ts'
import type { Lease } from './keys/lease.ts'
import { describeError, log } from './log.ts'
import type { RequestLife } from './request-life.ts'

const noTokens: StreamUsage = { promptTokens: 0, completionTokens: 0 }

/**
 * An admitted request until its real end: for a stream, when the last byte was read or the client left. Then it settles
 * its lease with what was used, tells the log and the usage events, and lets go of its backend. Exactly once.
 */
export class Run {
  readonly lease: Lease
  backend: string | null = null
  readonly #c: HttpContext
  readonly #life: RequestLife
  readonly #startMs: number
  readonly #over = Promise.withResolvers<void>()
  #pictures: readonly SizedPicture[]
  #ended = false

  constructor(c: HttpContext, life: RequestLife, lease: Lease, pictures: readonly SizedPicture[]) {
    this.#c = c
    this.#life = life
    this.lease = lease
    this.#pictures = pictures
    this.#startMs = c.get('services').now()
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

  /** The answer is a job: what was reserved is the job's from now on, and settled by the backend. */
  async becameJob(): Promise<void> {
    const job = { ...this.lease.demand, images: this.#pictures.length }
    try {
      await this.lease.becomeJobs((held) => reserveJobs(this.#c, held, [job]))
    } catch (error) {
      // Charged as reserved: the job runs, and its settlement will find nothing.
      log('ERROR', 'A job was not reserved', describeError(error))
      return this.answered(202, null)
    }
    this.#end(null, true, { http_status: 202, status: 'success', jobs: 1 })
  }

  streamEnded({ outcome, usage, error }: StreamResult) {
    const status = { complete: 'success', client_left: 'cancelled', broken: 'error' }[outcome]
    const untold =
      outcome === 'complete' ? { promptTokens: this.lease.maxTokens, completionTokens: 0 } : noTokens
    this.#end(usage ?? untold, true, { http_status: 200, status, ...(error && { error: error.code }) })
  }

  /** Nothing was answered, so nothing but the request itself is charged. */
  fail(error: unknown) {
    const known = this.#life.reasonFor(error)
    const code = known instanceof ApiError ? known.code : 'internal_error'
    const status = code === 'client_closed_request' ? 'cancelled' : 'error'
    this.#end(noTokens, false, { status, error: code })
  }

  /** @param tokens null: what was reserved is a job's */
  #end(tokens: StreamUsage | null, usedPictures: boolean, fields: Record<string, unknown>) {
    if (this.#ended) return
    this.#ended = true
    this.#life.close()
    if (this.backend !== null) this.#c.get('services').pool.ended(this.backend)
    const { imageBytes, pixels } = usedPictures ? sumOf(this.#pictures) : { imageBytes: 0, pixels: 0 }
    const images = usedPictures ? this.#pictures.length : 0
    this.lease.settle(tokens && { ...tokens, images, imageBytes, pixels })
    this.#over.resolve()
    this.#tell(tokens ?? noTokens, fields)
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
