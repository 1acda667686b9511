import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import {
  type MultimodalChunk,
  type MultimodalRequest,
  type MultimodalResponse,
  multimodalChunk,
  multimodalRequest,
  multimodalResponse,
} from '../../shared/completion-schema.ts'
import { ApiError } from '../../shared/errors.ts'
import { parseRequest } from '../../shared/parse-request.ts'
import { type Identity, newIdentity } from '../answer-identity.ts'
import { collectAnswers } from '../collect-answer.ts'
import type { CompletionEvent, CompletionRequest, ImageInput } from '../completion-request.ts'
import type { FinishReason } from '../engine/request.ts'
import { errorResponses, generationErrors } from '../error-responses.ts'
import type { HttpEnv } from '../http-env.ts'
import { formValue, parseForm, parseJson, readBody } from '../read-body.ts'
import { requireModel } from '../require-model.ts'
import type { Server } from '../server.ts'
import { sseResponse } from '../sse-response.ts'
import { startCompletion, withErrorEvent } from '../start-completion.ts'
import { serverTimingHeader, timingsBody } from '../timings-body.ts'
import { usageBody } from '../usage-body.ts'

const fields = multimodalRequest.omit({ image: true })

const multimodalForm = multimodalRequest
  .extend({
    image: z.any().openapi({ type: 'string', format: 'binary', description: 'A file, or several.' }),
  })
  .openapi('MultimodalCompletionForm')

export const multimodalRoute = createRoute({
  method: 'post',
  path: '/v1/multimodal/completions',
  tags: ['completions'],
  summary: 'A picture and a question in, clean text out',
  request: {
    body: {
      required: true,
      content: {
        'application/json': { schema: multimodalRequest },
        'multipart/form-data': { schema: multimodalForm },
      },
    },
  },
  responses: {
    200: {
      description: 'the answer; with `stream`, as events that end with `data: [DONE]`',
      content: {
        'application/json': { schema: multimodalResponse },
        'text/event-stream': { schema: multimodalChunk },
      },
      headers: serverTimingHeader,
    },
    ...errorResponses(...generationErrors),
  },
})

type Fields = Omit<MultimodalRequest, 'image'>

export function addMultimodalCompletions(app: OpenAPIHono<HttpEnv>, server: Server) {
  app.openAPIRegistry.registerPath(multimodalRoute)
  app.post(multimodalRoute.path, async (c) => {
    const services = server.services()
    const { request, images } = await readRequest(c.req.raw, server.config.maxBodyBytes)
    requireModel(services, request.model)
    const identity = newIdentity('cmpl-', services.model.name)
    const events = await startCompletion(c, server, services, {
      ...toCompletion(request, images),
      id: identity.id,
    })
    if (request.stream === true) return sseResponse(c, withErrorEvent(c, chunks(identity, events)))
    return c.json(await wholeAnswer(identity, events), 200)
  })
}

async function wholeAnswer(
  identity: Identity,
  events: AsyncIterable<CompletionEvent>,
): Promise<MultimodalResponse> {
  const answers = await collectAnswers(events)
  return {
    ...identity,
    object: 'multimodal.completion',
    choices: answers.map(({ content, reasoning, finish }, index) => ({
      index,
      message: {
        role: 'assistant',
        content,
        ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
      },
      finish_reason: finish.reason,
    })),
    usage: usageBody(answers.map(({ finish }) => finish.usage)),
  }
}

async function* chunks(identity: Identity, events: AsyncIterable<CompletionEvent>): AsyncGenerator<string> {
  const head = { ...identity, object: 'multimodal.completion.chunk' as const }
  const chunk = (delta: Delta, finish: FinishReason | null, totals: Totals = {}) =>
    JSON.stringify({
      ...head,
      choices: [{ index: 0, delta, finish_reason: finish }],
      ...totals,
    } satisfies MultimodalChunk)
  yield chunk({ role: 'assistant', content: '' }, null)
  for await (const event of events) {
    if (event.type === 'finish') {
      yield chunk({}, event.reason, { usage: usageBody([event.usage]), timings: timingsBody(event.timings) })
    } else if (event.reasoning !== '') yield chunk({ reasoning_content: event.reasoning }, null)
    if (event.type === 'delta' && event.content !== '') yield chunk({ content: event.content }, null)
  }
  yield '[DONE]'
}

type Totals = Pick<MultimodalChunk, 'usage' | 'timings'>
type Delta = MultimodalChunk['choices'][number]['delta']

async function readRequest(
  raw: Request,
  maxBodyBytes: number,
): Promise<{ request: Fields; images: ImageInput[] }> {
  const contentType = raw.headers.get('content-type') ?? ''
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase()
  if (mediaType === 'application/json') {
    const { image, ...request } = parseRequest(
      multimodalRequest,
      parseJson(await readBody(raw, maxBodyBytes)),
    )
    const references = typeof image === 'string' ? [image] : image
    const images = references.map((reference, index) => ({
      type: 'reference' as const,
      reference,
      param: typeof image === 'string' ? 'image' : `image[${index}]`,
    }))
    return { request, images }
  }
  if (mediaType === 'multipart/form-data') {
    return formRequest(await parseForm(await readBody(raw, maxBodyBytes), contentType))
  }
  throw new ApiError('unsupported_media_type', 'send application/json or multipart/form-data')
}

/** A form's `image` is a file, or text as in JSON; it may come several times. */
async function formRequest(
  form: Map<string, (string | File)[]>,
): Promise<{ request: Fields; images: ImageInput[] }> {
  const { image: pictures = [], 'image[]': more = [], ...rest } = Object.fromEntries(form)
  const given = [...pictures, ...more]
  if (given.length === 0)
    throw new ApiError('invalid_request', 'image: a picture is required', { param: 'image' })
  const images = await Promise.all(
    given.map(async (picture, index): Promise<ImageInput> => {
      const param = given.length === 1 ? 'image' : `image[${index}]`
      if (typeof picture === 'string') return { type: 'reference', reference: picture, param }
      return { type: 'bytes', bytes: new Uint8Array(await picture.arrayBuffer()), param }
    }),
  )
  const values = Object.entries(rest).map(([name, texts]) => [name, fieldValue(name, texts)])
  return { request: parseRequest(fields, Object.fromEntries(values)), images }
}

/** Text where the schema takes text, else the value the text stands for. */
function fieldValue(name: string, values: readonly (string | File)[]) {
  const texts = values.map((value) => {
    if (typeof value === 'string') return value
    throw new ApiError('invalid_request', `${name} must be text, not a file`, { param: name })
  })
  const value = texts.length === 1 ? texts[0] : texts
  const schema: z.ZodType | undefined = fields.shape[name as keyof typeof fields.shape]
  if (schema === undefined || typeof value !== 'string' || schema.safeParse(value).success) return value
  return formValue(value)
}

type Wanted = Omit<CompletionRequest, 'id' | 'callerId' | 'deadlineMs' | 'signal'>

function toCompletion(request: Fields, images: readonly ImageInput[]): Wanted {
  return {
    messages: [
      {
        role: 'user',
        content: [
          ...images.map(() => ({ type: 'image' as const })),
          { type: 'text' as const, text: request.prompt },
        ],
      },
    ],
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
    createConstraint: null,
    logprobs: null,
    promptParam: 'prompt',
  }
}
