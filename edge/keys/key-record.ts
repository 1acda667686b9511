import { z } from '@hono/zod-openapi'
import { isAddressRange } from './address-list.ts'

const limit = z.int().min(1).max(1_000_000_000_000).nullable()

/** Limits as an operator writes them; null is no limit. */
export const limitsSchema = z
  .strictObject({
    requests_per_minute: limit,
    tokens_per_minute: limit,
    image_bytes_per_minute: limit,
    pixels_per_minute: limit,
    concurrent_requests: limit,
    tokens_per_day: limit,
    tokens_per_month: limit,
  })
  .openapi('KeyLimits')

/** What a key has when its maker said nothing. */
export const defaultLimits: z.infer<typeof limitsSchema> = {
  requests_per_minute: 120,
  tokens_per_minute: 200_000,
  image_bytes_per_minute: 500_000_000,
  pixels_per_minute: 2_000_000_000,
  concurrent_requests: 16,
  tokens_per_day: null,
  tokens_per_month: null,
}

const range = z.string().refine(isAddressRange, 'must be an IP address or a range in CIDR notation')

/** What an operator may set of a key. */
export const keySettings = z.strictObject({
  name: z.string().min(1).max(100),
  /** Whose caches and fair share its requests use; several keys may share one. */
  tenant: z.string().regex(/^[\w.:-]{1,100}$/),
  models: z.array(z.string().min(1).max(200)).min(1).max(100).nullable(),
  /** Addresses the key may be used from. */
  ips: z.array(range).min(1).max(100).nullable(),
  expires_at: z.iso.datetime().nullable(),
  disabled: z.boolean(),
  limits: limitsSchema,
})

export const secretSchema = z.strictObject({
  /** SHA-256 of the secret, base64url. The secret itself is stored nowhere. */
  hash: z.string().length(43),
  last4: z.string().length(4),
  created_at: z.iso.datetime(),
  /** End of the overlap after a rotation; null: it has none. */
  expires_at: z.iso.datetime().nullable(),
})

/** All that is stored of a key. */
export const keyRecord = keySettings.extend({
  id: z.string().length(12),
  mode: z.enum(['live', 'test']),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
  /** The newest first; older ones end after an overlap. */
  secrets: z.array(secretSchema).min(1).max(3),
})

export type KeySettings = z.infer<typeof keySettings>
export type KeySecret = z.infer<typeof secretSchema>
export type KeyRecord = z.infer<typeof keyRecord>
