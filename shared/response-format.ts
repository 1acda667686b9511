import { z } from '@hono/zod-openapi'

/** How the answer's text is to be built; the same on both completion endpoints. */
export const responseFormat = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('text') }),
    z.strictObject({ type: z.literal('json_object') }),
    z.strictObject({
      type: z.literal('json_schema'),
      json_schema: z.strictObject({
        name: z.string().regex(/^[\w-]{1,64}$/, 'must be 1 to 64 letters, digits, "_" or "-"'),
        description: z.string().max(10_000).optional(),
        schema: z.record(z.string(), z.unknown()).openapi({ description: 'A JSON schema.' }),
        strict: z.boolean().nullish().openapi({ description: 'The schema is enforced whatever this says.' }),
      }),
    }),
  ])
  .openapi('ResponseFormat', { example: { type: 'text' } })

export type ResponseFormat = z.infer<typeof responseFormat>
