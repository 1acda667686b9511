import { ApiError } from '../../shared/errors.ts'
import type { ResponseFormat } from '../../shared/response-format.ts'
import type { Constraint } from '../engine/request.ts'
import type { GrammarFormat } from '../grammar/grammars.ts'
import type { Services } from '../services.ts'
import type { MultimodalFields } from './multimodal-request.ts'

/** What a request says of its answer's form, and what cannot go with it. */
export interface WantedFormat {
  readonly format: ResponseFormat | null | undefined
  readonly thinking: boolean
  readonly hasTools: boolean
}

/**
 * What holds the answer to the format asked for, made anew for each answer; null: the text is free.
 * @throws {ApiError} `unsupported_schema`, naming keyword and path, for what cannot be enforced;
 *   `unsupported_parameter` beside reasoning or tools, which are no part of the text that is constrained
 */
export async function responseConstraint(
  { grammars }: Services,
  { format, thinking, hasTools }: WantedFormat,
  signal: AbortSignal,
): Promise<(() => Constraint) | null> {
  const wanted = grammarFormat(format)
  if (wanted === null) return null
  if (thinking) throw refused('thinking')
  if (hasTools) throw refused('tools')
  const grammar = await grammars.compile(wanted, signal)
  return () => grammar.start()
}

/** The same for a request of the multimodal endpoint, which knows no tools. */
export function multimodalConstraint(services: Services, request: MultimodalFields, signal: AbortSignal) {
  const { response_format: format, thinking = false } = request
  return responseConstraint(services, { format, thinking, hasTools: false }, signal)
}

function grammarFormat(format: ResponseFormat | null | undefined): GrammarFormat | null {
  switch (format?.type) {
    case 'json_object':
      return { type: 'json_object' }
    case 'json_schema':
      return { type: 'json_schema', schema: format.json_schema.schema }
    default:
      return null
  }
}

function refused(other: string): ApiError {
  const message = `response_format cannot be enforced together with ${other}`
  return new ApiError('unsupported_parameter', message, { param: 'response_format' })
}
