import { type ErrorCode, errorCodes } from '../../shared/errors.ts'

/** Any route can meet these. */
const everywhere = [
  'invalid_api_key',
  'invalid_signature',
  'internal_error',
] as const satisfies readonly ErrorCode[]

/** The error half of a route's declared responses: one entry a status, listing its codes. */
export function errorResponses(...codes: readonly ErrorCode[]) {
  const byStatus = Map.groupBy(new Set([...codes, ...everywhere]), (code) => errorCodes[code].status)
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      { description: group.join(', '), content: { 'application/json': { schema: errorWith(group) } } },
    ]),
  )
}

function errorWith(codes: readonly ErrorCode[]) {
  const narrowed = { properties: { error: { properties: { code: { enum: [...codes] } } } } }
  return { allOf: [{ $ref: '#/components/schemas/Error' }, narrowed] }
}

/** What every endpoint that reads a prompt can answer with. */
export const promptErrors = [
  'invalid_json',
  'invalid_request',
  'invalid_image',
  'invalid_image_url',
  'image_fetch_failed',
  'context_length_exceeded',
  'unsupported_parameter',
  'model_not_found',
  'image_too_large',
  'body_too_large',
  'unsupported_media_type',
  'plugin_error',
  'queue_full',
  'not_ready',
  'draining',
  'deadline_exceeded',
] as const satisfies readonly ErrorCode[]

/** And every one that answers it. */
export const generationErrors = [
  ...promptErrors,
  'unsupported_schema',
  'plugin_refused',
  'rate_limit_exceeded',
  'worker_restarting',
] as const satisfies readonly ErrorCode[]
