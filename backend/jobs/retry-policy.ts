import { ApiError, type ErrorBody, type ErrorCode } from '../../shared/errors.ts'

/** What becomes of a failed attempt. */
export type Verdict =
  | { readonly type: 'retry'; readonly delayMs: number; readonly spared: boolean }
  | { readonly type: 'bury' }

const BASE_DELAY_MS = 1000
const MAX_DELAY_MS = 300_000
/** A backend with no room is no fault of the job's: it may go elsewhere soon, and the try does not count. */
const SPARED_DELAY_MS = 500

/** The backend's state, not the job's fault; how long a job may meet it is bounded by its age alone. */
const sparedCodes: readonly ErrorCode[] = ['queue_full', 'draining', 'not_ready', 'rate_limit_exceeded']
/** The caller's mistake as far as status goes, but another day may mend it. */
const mendableCodes: readonly ErrorCode[] = ['image_fetch_failed', 'client_closed_request', 'request_timeout']

/**
 * Decides over an attempt that failed: what cannot get better is given up at once, what may is tried again after a
 * growing delay, until the tries are used up. `random` in [0, 1) spreads jobs that failed together.
 */
export function judgeFailure(error: ApiError, tries: number, maxTries: number, random: number): Verdict {
  if (sparedCodes.includes(error.code)) {
    return { type: 'retry', delayMs: Math.round(SPARED_DELAY_MS * (0.5 + random)), spared: true }
  }
  const hopeless = error.status < 500 && !mendableCodes.includes(error.code)
  if (hopeless || tries >= maxTries) return { type: 'bury' }
  return { type: 'retry', delayMs: retryDelayMs(tries, random), spared: false }
}

/** 1, 2, 4, … seconds after the first, second, third try, at most five minutes, minus up to half at random. */
function retryDelayMs(tries: number, random: number): number {
  const delayMs = Math.min(BASE_DELAY_MS * 2 ** Math.max(0, tries - 1), MAX_DELAY_MS)
  return Math.round(delayMs * (1 - random / 2))
}

/** What went wrong as the caller may know it: of an unknown error, nothing. */
export function toApiError(error: unknown): ApiError {
  return error instanceof ApiError
    ? error
    : new ApiError('internal_error', 'internal error', { cause: error })
}

/** The attempt's process ended, or hung, without a word. */
export function abandoned(tries: number): ErrorBody {
  const message = `${tries === 1 ? 'a backend' : `${tries} backends`} died or stalled while running this job`
  return new ApiError('worker_restarting', message).body()
}
