import { z } from '@hono/zod-openapi'
import type { ErrorCode } from './errors.ts'

/** How a schema tells `parseRequest` that a value is known, but not supported. */
const unsupported = { code: 'unsupported_parameter' satisfies ErrorCode } as const

/**
 * A field that only these values of it mean something here; null and leaving it out are among them. Clients send such
 * fields at their defaults: that asks for nothing. Any other value is refused by name, never ignored.
 */
export function supportedValues(values: readonly unknown[], description: string) {
  const supported = new Set([null, ...values].map((value) => JSON.stringify(value)))
  const listed = [...supported].join(', ')
  return z
    .unknown()
    .refine((value) => supported.has(JSON.stringify(value)), {
      params: unsupported,
      message: `only ${listed} is supported`,
    })
    .optional()
    .openapi({ enum: [...values, null], description })
}
