import type { z } from '@hono/zod-openapi'
import { ApiError } from './errors.ts'

/**
 * Parses a request's fields by their schema.
 * @throws {ApiError} `unsupported_parameter` naming a field or a value we do not know, else `invalid_request` naming
 *   the first field that is missing or out of range.
 */
export function parseRequest<T extends z.ZodType>(schema: T, value: unknown): z.infer<T> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = innermost(parsed.error.issues[0])
  if (issue?.code === 'unrecognized_keys') {
    const field = formatPath([...issue.path, ...issue.keys.slice(0, 1)])
    throw new ApiError('unsupported_parameter', `${field} is not a parameter of this endpoint`, {
      param: field,
    })
  }
  const param = formatPath(issue?.path ?? [])
  const text = issue?.message ?? 'invalid request'
  const unsupported = issue?.code === 'custom' && issue.params?.['code'] === 'unsupported_parameter'
  throw new ApiError(
    unsupported ? 'unsupported_parameter' : 'invalid_request',
    param === '' ? text : `${param}: ${text}`,
    param === '' ? {} : { param },
  )
}

/**
 * What is wrong inside a union: of its members, the one whose first complaint lies deepest is what the caller meant
 * (`messages[0].content[1].image_url.url`, not `messages[0].content`). Paths of a union's issues are relative to it.
 */
function innermost(issue: z.core.$ZodIssue | undefined): z.core.$ZodIssue | undefined {
  if (issue?.code !== 'invalid_union') return issue
  const members = issue.errors
    .map(([first]) => innermost(first))
    .filter((inner) => inner !== undefined && inner.path.length > 0)
  const deepest = members.toSorted((a, b) => (b?.path.length ?? 0) - (a?.path.length ?? 0))[0]
  if (deepest !== undefined) return { ...deepest, path: [...issue.path, ...deepest.path] }
  const expected = issue.errors.flatMap(([first]) => (first?.code === 'invalid_type' ? [first.expected] : []))
  return expected.length === 0 ? issue : { ...issue, message: `must be ${expected.join(' or ')}` }
}

/** `['messages', 0, 'content']` → `messages[0].content`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`,
    '',
  )
}
