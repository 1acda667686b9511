import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Log } from './log.ts'

const run = promisify(execFile)
const NOTIFY_TIMEOUT_MS = 5000

export interface SystemdOptions {
  /** `NOTIFY_SOCKET` and `WATCHDOG_USEC`, as systemd sets them for a service of Type=notify. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether the model still makes progress: the watchdog is fed only then. */
  readonly alive: () => boolean
  readonly log: Log
  readonly signal: AbortSignal
}

/**
 * Tells systemd that the service is ready, then feeds its watchdog until the signal, so that a process that hangs is
 * started anew. Without systemd it does nothing. Node cannot write to datagram sockets of the Unix domain itself.
 */
export function notifySystemd({ env, alive, log, signal }: SystemdOptions): void {
  if (env['NOTIFY_SOCKET'] === undefined) return
  const say = (...args: string[]) =>
    run('systemd-notify', args, { timeout: NOTIFY_TIMEOUT_MS, signal }).catch((error: unknown) => {
      if (!signal.aborted) log.warn({ err: error }, 'systemd could not be told')
    })
  say('--ready')
  const watchdogUsec = Number(env['WATCHDOG_USEC'] ?? 0)
  if (!(watchdogUsec > 0)) return
  const feed = () => {
    if (alive()) say('WATCHDOG=1')
  }
  // sd_watchdog_enabled(3): at half the time or sooner.
  const timer = setInterval(feed, watchdogUsec / 1000 / 3)
  signal.addEventListener('abort', () => clearInterval(timer), { once: true })
}
