import { z } from '@hono/zod-openapi'
import { multimodalRequest, multimodalResponse } from './completion-schema.ts'
import { errorSchema } from './error-schema.ts'

export const jobStatuses = ['queued', 'running', 'done', 'dead', 'cancelled'] as const

export const webhookField = z.url().max(2048).openapi({
  description: 'Where the job is posted once it has ended, signed as Standard Webhooks 1.0.',
})

/** `POST /v1/jobs`, and each line of `POST /v1/batches`. */
export const jobFields = multimodalRequest
  .omit({ stream: true })
  .extend({ webhook: webhookField.optional() })
  .openapi('JobRequest')

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

export const batchSchema = z
  .object({
    id: z.string(),
    object: z.literal('batch'),
    created: z.int().openapi({ description: 'Seconds since the epoch.' }),
    total: z.int(),
    open: z.int().openapi({ description: 'Jobs that have not ended.' }),
    done: z.int(),
    dead: z.int(),
    cancelled: z.int(),
  })
  .openapi('Batch')

export const jobQuery = z.object({
  wait: z.coerce
    .number()
    .int()
    .min(0)
    .max(60)
    .optional()
    .openapi({ description: 'Seconds to wait for the end of the job.' }),
})

/** What a batch may be sent as: a JSON object a line. */
export const lineTypes: readonly string[] = [
  'application/jsonl',
  'application/x-ndjson',
  'application/x-jsonlines',
]

/** A batch as the edge sends it on: its lines, pictures apart. */
export const signedBatch = z.strictObject({ lines: z.array(z.record(z.string(), z.unknown())).min(1) })

/** The lines of a batch that hold anything, numbered from 1 as an editor numbers them. */
export function linesOf(text: string): { line: string; number: number }[] {
  return text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [{ line, number: index + 1 }]))
}
