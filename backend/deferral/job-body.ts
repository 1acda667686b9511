import type { z } from '@hono/zod-openapi'
import type { MultimodalResponse } from '../../shared/completion-schema.ts'
import type { ErrorBody } from '../../shared/errors.ts'
import type { jobSchema } from '../../shared/job-schema.ts'
import type { JobRecord } from '../jobs/job-record.ts'

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
