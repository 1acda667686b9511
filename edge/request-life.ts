import { ApiError } from '../shared/errors.ts'

/** What a request's timer is set for. */
interface Appointment {
  readonly atMs: number
  keep(): void
}

/** The timer looks after the appointments at least this often, so that making one seldom means setting it anew. */
const tickMs = 10_000

/**
 * How long a request may live: until its client leaves, its time is up, or it is stopped. One timer serves all its
 * appointments, since a timer costs more than most of what a request does here.
 */
export class RequestLife {
  readonly deadlineMs: number
  readonly #now: () => number
  readonly #stop = new AbortController()
  readonly #stopped = Promise.withResolvers<never>()
  readonly #appointments: Appointment[] = []
  #timer: ReturnType<typeof setTimeout> | null = null
  #timerMs = Number.POSITIVE_INFINITY
  #over = false

  constructor(clientSignal: AbortSignal, timeoutMs: number, now: () => number) {
    this.#now = now
    this.deadlineMs = now() + timeoutMs
    this.#stopped.promise.catch(() => {}) // whoever waits for it meets its error
    clientSignal.addEventListener('abort', () => this.stop(clientLeft()), { once: true })
    this.#appointments.push({ atMs: this.deadlineMs, keep: () => this.stop(tooLate(timeoutMs)) })
    this.#set()
  }

  /** Aborted when it ends before its work is done. Its reason is what the client is told. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  stop(reason: ApiError) {
    this.#stop.abort(reason)
    this.#stopped.reject(reason)
  }

  /** Calls `keep` at that moment, unless the request is over by then. */
  at(atMs: number, keep: () => void) {
    this.#appointments.push({ atMs, keep })
    if (atMs < this.#timerMs) this.#set()
  }

  /** The promise, unless the request ends first. @throws the reason it ended */
  unlessStopped<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#stopped.promise])
  }

  /** What really ended the request: an abort comes back from the platform in many disguises. */
  reasonFor(error: unknown): unknown {
    return this.signal.aborted ? this.signal.reason : error
  }

  /** Its work is done: no appointment is kept any more. */
  close() {
    this.#over = true
    if (this.#timer) clearTimeout(this.#timer)
  }

  #set() {
    if (this.#over) return
    if (this.#timer) clearTimeout(this.#timer)
    const nowMs = this.#now()
    this.#timerMs = Math.min(nowMs + tickMs, ...this.#appointments.map(({ atMs }) => atMs))
    this.#timer = setTimeout(() => this.#keepDue(), Math.max(0, this.#timerMs - nowMs))
  }

  #keepDue() {
    const due = this.#appointments.filter(({ atMs }) => atMs <= this.#now())
    for (const appointment of due) {
      this.#appointments.splice(this.#appointments.indexOf(appointment), 1)
      appointment.keep()
    }
    this.#set()
  }
}

function clientLeft() {
  return new ApiError('client_closed_request', 'the client left')
}

function tooLate(timeoutMs: number) {
  return new ApiError('deadline_exceeded', `the answer was not complete within ${timeoutMs} ms`)
}
