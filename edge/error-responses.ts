import { errorSchema } from '../shared/error-schema.ts'
import { type ErrorCode, errorCodes } from '../shared/errors.ts'

/** Any route can meet these. */
const everywhere = ['invalid_api_key', 'internal_error', 'not_ready'] as const satisfies readonly ErrorCode[]

/** What a body with pictures that is to be run, now or later, may be refused for. */
export const runErrors = [
  'invalid_json',
  'invalid_request',
  'unsupported_parameter',
  'invalid_image',
  'invalid_image_url',
  'image_fetch_failed',
  'context_length_exceeded',
  'permission_denied',
  'request_timeout',
  'image_too_large',
  'body_too_large',
  'unsupported_media_type',
  'idempotency_mismatch',
  'rate_limit_exceeded',
  'quota_exceeded',
  'backend_unreachable',
  'queue_full',
  'deadline_exceeded',
] as const satisfies readonly ErrorCode[]

/** The error half of a route's declared responses: one entry a status, listing its codes. */
export function errorResponses(...codes: readonly ErrorCode[]) {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of new Set([...codes, ...everywhere])) {
    const { status } = errorCodes[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      { description: group.join(', '), content: { 'application/json': { schema: errorSchema } } },
    ]),
  )
}
