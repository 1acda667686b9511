import { type MultimodalRequest, multimodalRequest } from '../../shared/completion-schema.ts'
import { ApiError } from '../../shared/errors.ts'
import { formFieldValue } from '../../shared/form-field.ts'
import { parseRequest } from '../../shared/parse-request.ts'
import type { JobEntry } from '../jobs/job-record.ts'

/** Fields of an entry that are the queue's own, not the request's. */
const ownFields: readonly string[] = ['caller', 'webhook']

/**
 * The request behind a stream's entry: `request` with its whole JSON, or one field each, as in a form, where
 * `image_url` may stand for `image` and come several times.
 * @throws {ApiError} what is wrong with it.
 */
export function readJobFields({ fields }: JobEntry): MultimodalRequest {
  const texts = new Map<string, string[]>()
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const [given, value] = [fields[index], fields[index + 1]] as [string, string] // within bounds
    const name = given === 'image_url' ? 'image' : given
    if (!ownFields.includes(name)) texts.set(name, [...(texts.get(name) ?? []), value])
  }
  const whole = texts.get('request')
  if (whole === undefined) {
    const values = [...texts].map(([name, given]) => [name, fieldValue(name, given)])
    return checkJobRequest(Object.fromEntries(values))
  }
  if (texts.size > 1) {
    throw new ApiError('invalid_request', 'request: it is the whole request, no field may stand beside it', {
      param: 'request',
    })
  }
  return checkJobRequest(parseText(whole[0] ?? ''))
}

/** @throws {ApiError} what is wrong with a job's request, a `stream` included: nobody is there to read it. */
export function checkJobRequest(value: unknown): MultimodalRequest {
  const request = parseRequest(multimodalRequest, value)
  if (request.stream === true) {
    throw new ApiError('unsupported_parameter', 'stream: a job has no stream; wait for its result', {
      param: 'stream',
    })
  }
  return request
}

function fieldValue(name: string, texts: readonly string[]) {
  const [text] = texts
  return texts.length !== 1 || text === undefined
    ? texts
    : formFieldValue(multimodalRequest.shape, name, text)
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ApiError('invalid_json', 'request: it is not valid JSON', { param: 'request', cause })
  }
}
