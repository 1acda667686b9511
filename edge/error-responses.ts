import { errorSchema } from '../shared/error-schema.ts'
import { type ErrorCode, errorCodes } from '../shared/errors.ts'

/** Any route can meet these. */
const everywhere = ['invalid_api_key', 'internal_error', 'not_ready'] as const satisfies readonly ErrorCode[]

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
