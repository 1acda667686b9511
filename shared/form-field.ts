import type { z } from '@hono/zod-openapi'

/** A form's text for a field: itself where the field's schema takes text, else the value the text stands for. */
export function formFieldValue(
  shape: Readonly<Record<string, z.ZodType>>,
  name: string,
  text: string,
): unknown {
  const schema = shape[name]
  return schema === undefined || schema.safeParse(text).success ? text : formValue(text)
}

/** A form's text, as the JSON it stands for: `true`, `false`, plain numbers and objects are values, all else is a string. */
function formValue(text: string): unknown {
  if (text === 'true') return true
  if (text === 'false') return false
  if (text.startsWith('{')) return parseObject(text)
  return /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : text
}

function parseObject(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text // the schema refuses it, naming the field
  }
}
