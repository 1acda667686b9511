import type { z } from '@hono/zod-openapi'
import { ApiError } from './errors.ts'

/**
 * Parses a request's fields by their schema.
 * @throws {ApiError} `unsupported_parameter` naming a field we do not know, else `invalid_request` naming the first
 *   field that is missing or out of range.
 */
export function parseRequest<T extends z.ZodType>(schema: T, value: unknown): z.infer<T> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  if (issue?.code === 'unrecognized_keys') {
    const field = formatPath([...issue.path, ...issue.keys.slice(0, 1)])
    throw new ApiError('unsupported_parameter', `${field} is not a parameter of this endpoint`, {
      param: field,
    })
  }
  const param = formatPath(issue?.path ?? [])
  const text = issue?.message ?? 'invalid request'
  throw new ApiError(
    'invalid_request',
    param === '' ? text : `${param}: ${text}`,
    param === '' ? {} : { param },
  )
}

/** `['messages', 0, 'content']` → `messages[0].content`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`,
    '',
  )
}
