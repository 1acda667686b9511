import { z } from '@hono/zod-openapi'
import { type ErrorCode, errorCodes } from './errors.ts'

/** The one error body, as the documents describe it. */
export const errorSchema = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable().openapi({ description: 'The field that is wrong.' }),
      code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
    }),
  })
  .openapi('Error')
