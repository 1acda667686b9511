import type { z } from '@hono/zod-openapi'

/** A form's text for a field: itself where the field's schema takes text, else the value the text stands for. */
export function formFieldValue(
  shape: Readonly<Record<string, z.ZodType>>,
  name: string,
  text: string,
): string | number | boolean {
  const schema = shape[name]
  return schema === undefined || schema.safeParse(text).success ? text : formValue(text)
}

/** A form's text, as the JSON it stands for: `true`, `false` and plain numbers are values, all else is a string. */
export function formValue(text: string): string | number | boolean {
  if (text === 'true') return true
  if (text === 'false') return false
  return /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : text
}
