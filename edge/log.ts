type Level = 'INFO' | 'WARN' | 'ERROR'

/** One JSON line. Fields are ids, counts and codes: never a key, a prompt, a picture or an answer. */
export function log(level: Level, message: string, fields: Readonly<Record<string, unknown>>) {
  const line = JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })
  if (level === 'ERROR') console.error(line)
  else console.log(line)
}

/** An unexpected error for the log; our own messages hold nothing of a request's content. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: String(error) }
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) }
  return { name: error.name, error: error.message, stack: error.stack, ...cause }
}
