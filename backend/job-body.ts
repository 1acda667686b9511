import { z } from '@hono/zod-openapi'
import { type MultimodalResponse, multimodalResponse } from '../shared/completion-schema.ts'
import { errorSchema } from '../shared/error-schema.ts'
import type { ErrorBody } from '../shared/errors.ts'
import { type JobRecord, jobStatuses } from './jobs/job-record.ts'

export const jobSchema = z
  .object({
    id: z.string().openapi({ example: '1717023456000-0' }),
    object: z.literal('job'),
    status: z.enum(jobStatuses).openapi({
      description: '`dead`: given up, `error` says why. A job that waits for another try is `queued`.',
    }),
    created: z.int().openapi({ description: 'Seconds since the epoch.' }),
    finished: z.int().nullable(),
    attempts: z.int().openapi({ description: 'Runs begun so far.' }),
    result: multimodalResponse.nullable().openapi({ description: 'The answer, once `done`.' }),
    error: errorSchema.shape.error.nullable().openapi({ description: 'Why the last attempt failed.' }),
  })
  .openapi('Job')

export type JobBody = z.infer<typeof jobSchema>

/** A job as its caller sees it. */
export function jobBody(record: JobRecord): JobBody {
  return {
    id: record.id,
    object: 'job',
    status: record.status,
    created: Math.floor(record.createdMs / 1000),
    finished: record.finishedMs === null ? null : Math.floor(record.finishedMs / 1000),
    attempts: record.attempts,
    result: record.result === null ? null : (JSON.parse(record.result) as MultimodalResponse), // written by ourselves
    error: record.error === null ? null : (JSON.parse(record.error) as ErrorBody['error']), // likewise
  }
}
