import type { z } from '@hono/zod-openapi'
import { type MultimodalRequest, multimodalRequest } from '../../shared/completion-schema.ts'
import { ApiError } from '../../shared/errors.ts'
import { formFieldValue } from '../../shared/form-field.ts'
import { parseRequest } from '../../shared/parse-request.ts'
import { mediaTypeOf, parseForm, parseJson, readBody } from '../http/read-body.ts'
import type { CompletionBody, ImageInput } from './completion-request.ts'

/** The request without its pictures, which come apart. */
export type MultimodalFields = Omit<MultimodalRequest, 'image'>

export interface ReadRequest {
  readonly request: MultimodalFields
  readonly images: readonly ImageInput[]
}

/** The schema as it is, or one that needs no picture. */
type Schema = z.ZodType<MultimodalFields & { image?: MultimodalRequest['image'] | undefined }>

/**
 * Reads a request that comes as JSON or as a form.
 * @throws {ApiError} what is wrong with it.
 */
export async function readMultimodal(
  raw: Request,
  maxBodyBytes: number,
  schema: Schema = multimodalRequest,
): Promise<ReadRequest> {
  const mediaType = mediaTypeOf(raw)
  if (mediaType === 'application/json') {
    return jsonRequest(parseJson(await readBody(raw, maxBodyBytes)), schema)
  }
  if (mediaType === 'multipart/form-data') {
    const body = await readBody(raw, maxBodyBytes)
    return formRequest(await parseForm(body, raw.headers.get('content-type') ?? ''), schema)
  }
  throw new ApiError('unsupported_media_type', 'send application/json or multipart/form-data')
}

export function jsonRequest(value: unknown, schema: Schema = multimodalRequest): ReadRequest {
  const { image = [], ...request } = parseRequest(schema, value)
  return { request, images: imageInputs(image) }
}

/** Pictures that came as text; `param` names each as the caller sees it. */
export function imageInputs(image: MultimodalRequest['image']): ImageInput[] {
  if (typeof image === 'string') return [{ type: 'reference', reference: image, param: 'image' }]
  return image.map((reference, index) => ({ type: 'reference', reference, param: `image[${index}]` }))
}

/** A form's `image` is a file, or text as in JSON; it may come several times. */
export async function formRequest(
  form: Map<string, (string | File)[]>,
  schema: Schema = multimodalRequest,
): Promise<ReadRequest> {
  const { image: pictures = [], 'image[]': more = [], ...rest } = Object.fromEntries(form)
  const given = [...pictures, ...more]
  const values = Object.entries(rest).map(([name, texts]) => [name, fieldValue(name, texts)])
  // the schema asks for pictures as text: a file's name stands for it
  const names = given.map((picture) => (typeof picture === 'string' ? picture : picture.name))
  const named = names.length === 0 ? {} : { image: names }
  const { image: _, ...request } = parseRequest(schema, { ...Object.fromEntries(values), ...named })
  const images = await Promise.all(
    given.map(async (picture, index): Promise<ImageInput> => {
      const param = given.length === 1 ? 'image' : `image[${index}]`
      if (typeof picture === 'string') return { type: 'reference', reference: picture, param }
      return { type: 'bytes', bytes: new Uint8Array(await picture.arrayBuffer()), param }
    }),
  )
  return { request, images }
}

function fieldValue(name: string, values: readonly (string | File)[]) {
  const texts = values.map((value) => {
    if (typeof value === 'string') return value
    throw new ApiError('invalid_request', `${name} must be text, not a file`, { param: name })
  })
  const [text] = texts
  if (texts.length !== 1 || text === undefined) return texts
  return formFieldValue(multimodalRequest.shape, name, text)
}

/** What the request asks of the model: the pictures, then the prompt, in one turn. */
export function multimodalToCompletion(
  request: MultimodalFields,
  images: readonly ImageInput[],
): Omit<CompletionBody, 'createConstraint'> {
  const pictures = images.map(() => ({ type: 'image' as const }))
  return {
    messages: [{ role: 'user', content: [...pictures, { type: 'text', text: request.prompt }] }],
    images,
    sampling: {
      temperature: request.temperature,
      topP: request.top_p,
      topK: request.top_k,
      repetitionPenalty: request.repetition_penalty,
      seed: request.seed,
    },
    maxNewTokens: request.max_new_tokens ?? null,
    stop: request.stop === undefined ? [] : [request.stop].flat(),
    thinking: request.thinking ?? false,
    tools: [],
    maxToolCalls: null,
    answers: 1,
    streaming: request.stream ?? false,
    logprobs: null,
    promptParam: 'prompt',
  }
}
