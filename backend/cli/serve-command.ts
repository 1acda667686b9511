import { isIP } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { Config } from '../config.ts'
import { createLog, type Log } from '../log.ts'
import { startServer } from '../start-server.ts'
import { notifySystemd } from '../systemd-notify.ts'
import type { CommandIo } from './command-io.ts'
import { readConfig } from './read-config.ts'

/** Long enough for a probe or two. */
const UNHEALTHY_GRACE_MS = 3_000

/** Serves until SIGTERM or SIGINT, then lets running requests finish. A second signal ends it at once. */
export async function serveCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const parsed = readConfig(args, io, 'serve [OPTIONS]')
  if (typeof parsed === 'number') return parsed
  const { config, positionals } = parsed
  if (positionals.length > 0) {
    io.stderr.write(`serve takes options only, not ${positionals.join(' ')}\n`)
    return 2
  }
  const log = createLog({ level: config.logLevel, format: config.logFormat })
  warnIfOpen(config, log)
  const stop = new AbortController()
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(130)
    stop.abort()
  }
  const notifying = new AbortController()
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  try {
    const server = await startServer(config, log, stop.signal)
    const alive = () => server.server.view().status !== 'unhealthy'
    notifySystemd({ env: io.env, alive, log, signal: notifying.signal })
    const stalled = await Promise.race([server.closed, server.stalled])
    if (typeof stalled === 'string') await dieStalled()
    return 0
  } catch (error) {
    if (stop.signal.aborted) return 0
    io.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    log.debug({ err: error }, 'Start failed')
    return 1
  } finally {
    notifying.abort()
    process.off('SIGTERM', onSignal)
    process.off('SIGINT', onSignal)
  }
}

/**
 * Ends the process for its supervisor to start anew, once probes have had time to see it unhealthy. Leaving in an orderly
 * way waits for threads, and the model's may hang in native code for ever.
 */
async function dieStalled(): Promise<void> {
  await setTimeout(UNHEALTHY_GRACE_MS)
  process.kill(process.pid, 'SIGKILL')
}

function warnIfOpen({ host, apiKey }: Config, log: Log) {
  const loopback = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
  if (loopback || apiKey.length > 0) return
  log.warn(
    { host },
    'Open to the network without a key: anybody who reaches this address can use it (--api-key)',
  )
}
