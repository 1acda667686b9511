import { ApiError } from '../../shared/errors.ts'

/**
 * Reads a request's body, counting as it comes: the declared length refuses early but proves nothing.
 * @throws {ApiError} `body_too_large`.
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const declared = Number(request.headers.get('content-length') ?? 0)
  if (declared > maxBytes) throw tooLarge(maxBytes)
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of request.body ?? []) {
    length += chunk.length
    if (length > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  const body = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    body.set(chunk, offset)
    offset += chunk.length
  }
  return body
}

const tooLarge = (maxBytes: number) =>
  new ApiError('body_too_large', `the request's body is over ${maxBytes} bytes`)

/** The media type alone, in lower case; empty when there is none. */
export function mediaTypeOf(request: Request): string {
  return (request.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

/**
 * Reads the body of an endpoint that takes JSON only.
 * @throws {ApiError} `unsupported_media_type`, `body_too_large`, `invalid_json`.
 */
export async function readJson(request: Request, maxBytes: number): Promise<Record<string, unknown>> {
  if (mediaTypeOf(request) !== 'application/json') {
    throw new ApiError('unsupported_media_type', 'send application/json')
  }
  return parseJson(await readBody(request, maxBytes))
}

/**
 * Parses a JSON object.
 * @throws {ApiError} `invalid_json`.
 */
export function parseJson(body: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (cause) {
    throw new ApiError('invalid_json', 'the body is not valid JSON in UTF-8', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ApiError('invalid_json', 'the body must be a JSON object')
  }
  return value as Record<string, unknown>
}

/**
 * Parses `multipart/form-data`; a field that comes several times is an array.
 * @throws {ApiError} `invalid_request`.
 */
export async function parseForm(body: Uint8Array<ArrayBuffer>, contentType: string) {
  let form: FormData
  try {
    form = await new Response(body, { headers: { 'content-type': contentType } }).formData()
  } catch (cause) {
    throw new ApiError('invalid_request', 'the body is not valid multipart/form-data', { cause })
  }
  const fields = new Map<string, (string | File)[]>()
  for (const [name, value] of form) fields.set(name, [...(fields.get(name) ?? []), value])
  return fields
}
