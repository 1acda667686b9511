import type { EngineStats } from './engine/stats.ts'

const LOOK_EVERY_MS = 1_000

export interface StallWatchOptions {
  readonly stats: () => Pick<EngineStats, 'state' | 'stepAgeMs'>
  /** A step in flight for longer than this will not end. */
  readonly timeoutMs: number
  /** Called once, with what is wrong in words for the log. */
  readonly onStall: (reason: string) => void
  /** Ends the watch. */
  readonly signal: AbortSignal
}

/** Looks every second whether the model still moves: native code that hangs throws nothing. */
export function watchForStalls({ stats, timeoutMs, onStall, signal }: StallWatchOptions): void {
  const timer = setInterval(() => {
    const reason = stallOf(stats(), timeoutMs)
    if (reason === null) return
    clearInterval(timer)
    onStall(reason)
  }, LOOK_EVERY_MS).unref()
  signal.addEventListener('abort', () => clearInterval(timer), { once: true })
}

/** null: the model moves, or has nothing to do. */
function stallOf(
  { state, stepAgeMs }: ReturnType<StallWatchOptions['stats']>,
  timeoutMs: number,
): string | null {
  if (state === 'failed') return 'the model is gone and could not be started again'
  if (stepAgeMs === null || stepAgeMs <= timeoutMs) return null
  return `a step has been running for ${Math.round(stepAgeMs / 1000)} s`
}
