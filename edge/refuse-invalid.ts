import type { z } from '@hono/zod-openapi'
import { ApiError } from '../shared/errors.ts'
import { formatPath } from '../shared/parse-request.ts'

/** Turns a failed validation into the API's own error. */
export function refuseInvalid(result: { success: true } | { success: false; error: z.ZodError }) {
  if (result.success) return
  const issue = result.error.issues[0]
  const param = formatPath(issue?.path ?? [])
  const text = issue?.message ?? 'invalid request'
  throw new ApiError(
    'invalid_request',
    param === '' ? text : `${param}: ${text}`,
    param === '' ? {} : { param },
  )
}
