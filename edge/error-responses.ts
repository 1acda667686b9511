import { z } from '@hono/zod-openapi'
import { type ErrorCode, errorCodes } from '../shared/errors.ts'

const errorSchema = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable().openapi({ description: 'The field that is wrong.' }),
      code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
    }),
  })
  .openapi('Error')

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
