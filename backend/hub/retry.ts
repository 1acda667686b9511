import { setTimeout as sleep } from 'node:timers/promises'
import { HubStatusError } from './hub.ts'

/** How long and how often the network is tried. */
export interface NetworkLimits {
  readonly connectTimeoutMs: number
  /** Longest silence: before an answer begins, and between two pieces of it. */
  readonly stallTimeoutMs: number
  /** Tries in a row that bring nothing before giving up. */
  readonly attempts: number
  /** Wait before the second try; doubles with every further one. */
  readonly backoffMs: number
}

export const networkLimits: NetworkLimits = {
  connectTimeoutMs: 15_000,
  stallTimeoutMs: 60_000,
  attempts: 5,
  backoffMs: 1000,
}

/** What came over the wire was not what was asked for; another try may bring it. */
export class BrokenTransfer extends Error {
  override readonly name = 'BrokenTransfer'
}

const MAX_BACKOFF_MS = 60_000

/** Runs `work` until it succeeds, fails for good or has failed `limits.attempts` times. */
export async function withRetries<T>(
  limits: NetworkLimits,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      if (!isTransient(error) || attempt >= limits.attempts) throw error
      await backOff(attempt, error, limits, signal)
    }
  }
}

/** Waits before the try after the `attempt`th: what the hub asked for, else exponentially, with jitter. */
export async function backOff(attempt: number, error: unknown, limits: NetworkLimits, signal: AbortSignal) {
  const asked = error instanceof HubStatusError ? error.retryAfterMs : null
  const exponential = limits.backoffMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)
  await pause(Math.min(asked ?? exponential, MAX_BACKOFF_MS), signal)
}

/** @throws the signal's reason, where Node's own timer would hide it in an AbortError. */
export async function pause(ms: number, signal: AbortSignal) {
  try {
    await sleep(ms, undefined, { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}

/** Whether another try may help: the network failed, the hub is busy or broken, but it has not refused. */
export function isTransient(error: unknown): boolean {
  if (error instanceof HubStatusError)
    return error.status >= 500 || error.status === 429 || error.status === 408
  return error instanceof BrokenTransfer || isNetworkError(error)
}

/** `fetch` wraps whatever went wrong on the wire, in the headers or later in the body, in a TypeError with a cause. */
export function isNetworkError(error: unknown): boolean {
  if (error instanceof DOMException) return error.name === 'TimeoutError'
  return error instanceof TypeError && error.cause instanceof Error
}

/** `Retry-After` in seconds; null when absent or a date. */
export function retryAfterMs(response: Response): number | null {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null
}
