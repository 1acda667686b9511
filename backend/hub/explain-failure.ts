import type { Hub } from './hub.ts'
import { HubStatusError } from './hub.ts'
import { HubError } from './hub-error.ts'
import { BrokenTransfer, isNetworkError } from './retry.ts'
import { isSystemError } from './system-error.ts'

/** Turns what went wrong during a pull into one line that says what to do; anything unknown stays as it is. */
export function explainFailure(error: unknown, hub: Hub, repo: string, hasToken: boolean): unknown {
  if (error instanceof HubStatusError) return new HubError(explainStatus(error.status, hub, repo, hasToken))
  if (error instanceof BrokenTransfer) {
    return new HubError(`${hub.url} keeps sending broken files (${error.message}); run it again to go on`)
  }
  if (isNetworkError(error)) {
    const reason = networkReason(error)
    return new HubError(
      `cannot reach ${hub.label} at ${hub.url}${reason}: give a mirror with --hub-url, or the model's folder with --model-path`,
    )
  }
  if (isSystemError(error) && error.code === 'ENOSPC') {
    return new HubError(
      `the disk is full: free some space and run it again, what has arrived of ${repo} is kept`,
    )
  }
  if (isSystemError(error)) return new HubError(`${repo} cannot be stored: ${error.message}`)
  return error
}

function explainStatus(status: number, hub: Hub, repo: string, hasToken: boolean) {
  const where = `${hub.label} (${hub.url})`
  const token = hasToken
    ? `the token in ${hub.tokenVariable} does not open it`
    : `a private one needs a token in ${hub.tokenVariable}`
  switch (status) {
    // Hugging Face says 401, not 404, to strangers: it does not tell whether a repository exists.
    case 401:
      return `there is no public model ${repo} on ${where}; ${token}`
    case 403:
      return `no access to ${repo} on ${where}: accept its terms there; ${token}`
    case 404:
      return `there is no model ${repo} on ${where}: check the name, or choose the hub with --source`
    case 429:
      return `${where} refuses more downloads for now: run it again later to go on, or give a mirror with --hub-url`
    default:
      return `${where} answers with HTTP status ${status}: run it again later to go on, or give a mirror with --hub-url`
  }
}

/** ` (ECONNREFUSED)`, or in words where there is no code. */
function networkReason(error: unknown) {
  const cause = error instanceof Error ? error.cause : null
  if (!(cause instanceof Error)) return ''
  return ` (${'code' in cause ? String(cause.code) : cause.message})`
}
