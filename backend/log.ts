import pino from 'pino'
import pretty from 'pino-pretty'

export type Log = pino.Logger

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  readonly format: 'json' | 'text'
  /** Where lines go; standard output unless a test listens. */
  readonly destination?: pino.DestinationStream
}

/** One line an event, never a prompt, a key or an image. */
export function createLog({ level, format, destination }: LogOptions): Log {
  const options: pino.LoggerOptions = {
    level,
    base: null,
    messageKey: 'message',
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    serializers: { err: describeError },
    formatters: { level: (label) => ({ level: label.toUpperCase() }) },
  }
  if (format === 'json') return pino(options, destination ?? pino.destination(1))
  const lines = pretty({
    messageKey: 'message',
    singleLine: true,
    colorize: false,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
    ...(destination === undefined ? { destination: 1, sync: true } : { destination }),
  })
  return pino(options, lines)
}

/**
 * An error for the log, and what caused it. Nothing else that libraries hang on their errors: a Redis command's would be
 * its arguments, requests and answers among them.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error)
  const { name: type, message, stack, cause } = error
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  return { type, message, ...code, stack, ...(cause === undefined ? {} : { cause: describeError(cause) }) }
}
