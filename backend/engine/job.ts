import { ApiError } from '../../shared/errors.ts'
import { EventStream } from './event-stream.ts'
import type { FinishReason, GenerateEvent, GenerateRequest } from './request.ts'
import type { Sampled } from './runner.ts'
import { Sequence } from './sequence.ts'
import { Timeline } from './timeline.ts'

/** setTimeout's own limit; a deadline farther off is looked at again then. */
const longestTimerMs = 2 ** 31 - 1

export type Outcome = 'stopped' | 'filled' | 'cancelled' | 'expired' | 'failed'

export interface JobHooks {
  readonly now: () => number
  /** Called once. */
  readonly onEnd: (job: Job, outcome: Outcome) => void
  /** A late mask is there. */
  readonly onReady: () => void
}

/**
 * A request from submission to its one end, and the consumer waiting for it. Whatever ends it first (a stop token, the
 * last token, an abort, the deadline, the consumer's leaving, an error) wins; the others then do nothing.
 */
export class Job {
  readonly request: GenerateRequest
  readonly sequence: Sequence
  readonly timeline: Timeline
  readonly events: EventStream<GenerateEvent>
  /** Prompt tokens found in the slot at admission. */
  cachedTokens = 0
  readonly #hooks: JobHooks
  readonly #onAbort = () => this.#cancel()
  #deadline: NodeJS.Timeout | null = null
  #ended = false

  constructor(request: GenerateRequest, hooks: JobHooks) {
    this.request = request
    this.sequence = new Sequence(request)
    this.timeline = new Timeline(hooks.now())
    this.events = new EventStream(() => this.#end('cancelled'))
    this.#hooks = hooks
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Ends the job when its signal aborts or its deadline passes, from now on. */
  watch(): void {
    const { signal } = this.request
    if (signal.aborted) {
      this.#cancel()
      return
    }
    signal.addEventListener('abort', this.#onAbort, { once: true })
    this.checkDeadline()
  }

  /** Ends the job if its time is over, else looks again when it will be. */
  checkDeadline(): void {
    const { deadlineMs } = this.request.caller
    if (this.#ended || deadlineMs === null) return
    if (this.#deadline !== null) clearTimeout(this.#deadline)
    const leftMs = deadlineMs - this.#hooks.now()
    if (leftMs > 0) {
      this.#deadline = setTimeout(() => this.checkDeadline(), Math.min(Math.ceil(leftMs), longestTimerMs))
    } else if (this.#end('expired')) {
      this.#fail(new ApiError('deadline_exceeded', 'the request ran out of time'))
    }
  }

  /** Asks the constraint which tokens may follow `accepted`; free sequences need no mask. */
  askMask(accepted: number | null): void {
    const { constraint } = this.request
    if (constraint === null || this.#ended) return
    try {
      const answer = constraint.next(accepted)
      if (answer instanceof Uint32Array) {
        this.#takeMask(answer)
        return
      }
      this.sequence.mask = 'late'
      this.sequence.maskGrace = true
      answer.then(
        (mask) => this.#takeMask(mask),
        (error: unknown) => this.fail(error),
      )
    } catch (error) {
      this.fail(error)
    }
  }

  /**
   * The answer's next token, which the sequence has taken in; ends the job if it is the last. A consumer that waits for
   * it is still to be woken.
   */
  accept({ token, logprobs }: Sampled): void {
    if (this.#ended) return
    this.timeline.sampled(this.#hooks.now())
    if (this.request.stopTokens.includes(token)) {
      this.#finish('stop')
      return
    }
    this.events.push({ type: 'token', token, logprobs })
    if (this.sequence.generated >= this.request.maxNewTokens) this.#finish('length')
    else this.askMask(token)
  }

  /** The consumer has all it wants. */
  stop(): void {
    if (this.#ended) return
    this.#finish('stop')
    this.events.wake()
  }

  /** Ends the job with an error; what is not meant for callers reaches them as `internal_error` with its cause. */
  fail(error: unknown): void {
    if (!this.#end('failed')) return
    this.#fail(
      error instanceof ApiError ? error : new ApiError('internal_error', 'internal error', { cause: error }),
    )
  }

  #takeMask(mask: Uint32Array<ArrayBuffer>): void {
    if (!mask.some((word) => word !== 0)) {
      this.fail(new Error('the constraint allows no token'))
      return
    }
    this.sequence.mask = mask
    this.#hooks.onReady()
  }

  #cancel(): void {
    if (!this.#end('cancelled')) return
    const cause: unknown = this.request.signal.reason
    this.#fail(
      cause instanceof ApiError
        ? cause
        : new ApiError('client_closed_request', 'the request was cancelled', { cause }),
    )
  }

  #fail(error: ApiError): void {
    this.events.fail(error)
    this.events.wake()
  }

  #finish(reason: FinishReason): void {
    const usage = {
      promptTokens: this.request.prompt.tokens.length,
      completionTokens: this.sequence.generated,
      cachedTokens: this.cachedTokens,
    }
    this.events.push({ type: 'finish', reason, usage, timings: this.timeline.finish(this.#hooks.now()) })
    this.events.end()
    this.#end(reason === 'stop' ? 'stopped' : 'filled')
  }

  /** False when the job had ended already. */
  #end(outcome: Outcome): boolean {
    if (this.#ended) return false
    this.#ended = true
    this.request.signal.removeEventListener('abort', this.#onAbort)
    if (this.#deadline !== null) clearTimeout(this.#deadline)
    this.request.constraint?.close()
    this.#hooks.onEnd(this, outcome)
    return true
  }
}
