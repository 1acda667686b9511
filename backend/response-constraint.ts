import { ApiError } from '../shared/errors.ts'
import type { ResponseFormat } from '../shared/response-format.ts'
import type { Constraint } from './engine/request.ts'
import type { Services } from './services.ts'

/**
 * What holds the answer to the format asked for, made anew for each answer; null: the text is free.
 * @throws {ApiError} `unsupported_parameter` for a format that cannot be enforced.
 */
export async function responseConstraint(
  _services: Services,
  format: ResponseFormat | null | undefined,
): Promise<(() => Constraint) | null> {
  const type = format?.type ?? 'text'
  if (type === 'text') return null
  throw new ApiError('unsupported_parameter', `response_format: ${type} is not enforced by this server`, {
    param: 'response_format',
  })
}
