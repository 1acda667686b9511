import { z } from '@hono/zod-openapi'
import type { JsonObject } from '../endpoints.ts'

/** Sets of fields remembered. Callers send few; whoever sends ever new ones gets the whole schema's pace. */
const maxSets = 64

type Agreement<Fields> = (fields: Partial<Fields>, context: Pick<z.core.$RefinementCtx, 'addIssue'>) => void

/**
 * Judges objects by the fields they have. A schema of fifty optional fields looks at all of them each time, and of those
 * that are absent there is nothing to say.
 */
export class PresentFields<Fields extends z.ZodObject> {
  readonly #fields: [string, z.core.$ZodType][]
  readonly #required: ReadonlySet<string>
  readonly #agreement: Agreement<z.infer<Fields>>
  /** By the names of the fields, as the object gives them. */
  readonly #known = new Map<string, z.ZodType<JsonObject>>()

  /** @param agreement what the whole schema demands between fields */
  constructor(fields: Fields, agreement: Agreement<z.infer<Fields>>) {
    this.#fields = Object.entries(fields.shape)
    this.#required = new Set(
      this.#fields.filter(([, field]) => !z.safeParse(field, undefined).success).map(([name]) => name),
    )
    this.#agreement = agreement
  }

  /** Exactly what the whole schema makes of it; null when that must be asked: it says what is wrong. */
  parse(value: unknown): JsonObject | null {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    return this.#schemaOf(Object.keys(value))?.safeParse(value).data ?? null
  }

  #schemaOf(names: readonly string[]): z.ZodType<JsonObject> | null {
    // No name holds a line feed that the schema knows, so no two sets are written alike.
    const id = names.join('\n')
    const known = this.#known.get(id)
    if (known) return known
    const present = new Set(names)
    const fields = this.#fields.filter(([name]) => present.has(name) || this.#required.has(name))
    if (this.#known.size >= maxSets || fields.filter(([name]) => present.has(name)).length < present.size)
      return null
    // A part of the fields, which is all the agreement is told to expect.
    const agree = (part: JsonObject, context: Pick<z.core.$RefinementCtx, 'addIssue'>) =>
      this.#agreement(part as Partial<z.infer<Fields>>, context)
    const schema = z.strictObject(Object.fromEntries(fields)).superRefine(agree)
    this.#known.set(id, schema)
    return schema
  }
}
