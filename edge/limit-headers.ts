import type { LimitReport } from './keys/operations.ts'

/** Policy names and units of each limit in the structured headers. */
const policies = {
  requestsPerMinute: { name: 'rpm', unit: null, windowS: 60 },
  tokensPerMinute: { name: 'tpm', unit: 'tokens', windowS: 60 },
  imageBytesPerMinute: { name: 'ibpm', unit: 'content-bytes', windowS: 60 },
  pixelsPerMinute: { name: 'ppm', unit: 'pixels', windowS: 60 },
  concurrentRequests: { name: 'concurrency', unit: 'concurrent-requests', windowS: null },
  tokensPerDay: { name: 'tpd', unit: 'tokens', windowS: 86_400 },
  tokensPerMonth: { name: 'tpmo', unit: 'tokens', windowS: null },
} as const

/**
 * The state of a key's limits, as `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers: `r` is what
 * is left for the next `t` seconds) and as OpenAI's six `x-ratelimit-*` headers.
 */
export function limitHeaders(reports: readonly LimitReport[]): Record<string, string> {
  if (reports.length === 0) return {}
  const headers: Record<string, string> = {
    'ratelimit-policy': reports.map(policy).join(', '),
    ratelimit: reports.map(state).join(', '),
  }
  for (const report of reports) {
    const noun = openaiNouns[report.name]
    if (noun === undefined) continue
    headers[`x-ratelimit-limit-${noun}`] = String(report.limit)
    headers[`x-ratelimit-remaining-${noun}`] = String(report.remaining)
    headers[`x-ratelimit-reset-${noun}`] = duration(report.fullMs)
  }
  return headers
}

const openaiNouns: Partial<Record<LimitReport['name'], string>> = {
  requestsPerMinute: 'requests',
  tokensPerMinute: 'tokens',
}

function policy({ name, limit }: LimitReport): string {
  const { name: short, unit, windowS } = policies[name]
  const quotaUnit = unit === null ? '' : `;qu="${unit}"`
  return `"${short}";q=${limit}${windowS === null ? '' : `;w=${windowS}`}${quotaUnit}`
}

function state({ name, remaining, nextMs }: LimitReport): string {
  return `"${policies[name].name}";r=${remaining};t=${Math.ceil(nextMs / 1000)}`
}

/** OpenAI's spelling: `12ms`, `31s`, `6m0s`. */
function duration(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`
  const seconds = Math.ceil(ms / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}
