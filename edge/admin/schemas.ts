import { z } from '@hono/zod-openapi'
import { keyRecord, keySettings, limitsSchema, secretSchema } from '../keys/key-record.ts'

/** All of a key's settings; what is absent keeps its value or takes its default. */
export const keyChanges = keySettings
  .extend({ limits: limitsSchema.partial() })
  .partial()
  .openapi('KeyChanges')

export const newKey = keyChanges
  .extend({ name: keySettings.shape.name, mode: z.enum(['live', 'test']).default('live') })
  .openapi('NewKey')

const dayUsage = z
  .object({
    day: z.string().openapi({ description: 'UTC.', example: '2026-11-23' }),
    requests: z.int(),
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    images: z.int(),
    image_bytes: z.int(),
  })
  .openapi('DayUsage')

const openJobs = z
  .object({ count: z.int(), tokens: z.int() })
  .openapi({ description: 'Jobs that have not been settled, and the tokens reserved for them.' })

export const keyDescription = keyRecord
  .extend({
    open_jobs: openJobs,
    secrets: z.array(secretSchema.omit({ hash: true })),
    usage: z.array(dayUsage).openapi({ description: 'The last 31 days with any use, the newest first.' }),
  })
  .openapi('Key')

export const keyWithSecret = keyDescription
  .extend({
    key: z.string().openapi({ description: 'The key itself. Shown this once; only a hash is kept.' }),
  })
  .openapi('KeyWithSecret')

export const keyList = z
  .object({
    keys: z.array(keyDescription),
    after: z
      .string()
      .nullable()
      .openapi({ description: 'Pass it as `after` for the next page; null: no more.' }),
  })
  .openapi('KeyList')

export const rotation = z
  .strictObject({
    overlap_seconds: z
      .int()
      .min(0)
      .max(30 * 86_400)
      .default(86_400)
      .openapi({ description: 'How long the old secret stays valid beside the new one; 0: not at all.' }),
  })
  .openapi('KeyRotation')

const limitStatus = z.object({
  name: z.string().openapi({ example: 'requestsPerMinute' }),
  limit: z.int(),
  remaining: z.int(),
  resets_in_ms: z.int(),
})

export const holderUsage = z
  .object({
    id: z.string(),
    name: z.string(),
    expires_at: z.string().nullable(),
    models: z.array(z.string()).nullable(),
    limits: z.array(limitStatus),
    open_jobs: openJobs,
    days: z.array(dayUsage),
  })
  .openapi('KeyUsage')
