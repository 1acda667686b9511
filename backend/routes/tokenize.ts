import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { chatRequest } from '../../shared/chat-schema.ts'
import { ApiError } from '../../shared/errors.ts'
import { parseRequest } from '../../shared/parse-request.ts'
import {
  promptToCount,
  type TokenizeResponse,
  tokenizeRequest,
  tokenizeResponse,
} from '../../shared/tokenize-schema.ts'
import { chatToCompletion } from '../completion/chat-request.ts'
import { jsonRequest, multimodalToCompletion, readMultimodal } from '../completion/multimodal-request.ts'
import type { PromptCost, PromptRequest } from '../completion/prompts.ts'
import { errorResponses, promptErrors } from '../http/error-responses.ts'
import type { HttpEnv } from '../http/http-env.ts'
import { mediaTypeOf, readJson } from '../http/read-body.ts'
import { requireModel } from '../http/require-model.ts'
import type { Server } from '../server.ts'
import type { ServedModel } from '../services.ts'
import { multimodalForm } from './multimodal-completions.ts'

const tokenizeRoute = createRoute({
  method: 'post',
  path: '/v1/tokenize',
  tags: ['completions'],
  summary: 'What a request would cost and whether it fits, without running it',
  request: {
    body: {
      required: true,
      content: {
        'application/json': { schema: tokenizeRequest },
        'multipart/form-data': { schema: multimodalForm.partial({ image: true }) },
      },
    },
  },
  responses: {
    200: { description: 'the exact count', content: { 'application/json': { schema: tokenizeResponse } } },
    ...errorResponses(...promptErrors),
  },
})

export function addTokenize(app: OpenAPIHono<HttpEnv>, server: Server) {
  app.openAPIRegistry.registerPath(tokenizeRoute)
  app.post(tokenizeRoute.path, async (c) => {
    const { model, completions } = server.services()
    const { request, named } = await readRequest(c, server.config.maxBodyBytes)
    requireModel(server.services(), named)
    const timeout = AbortSignal.timeout(server.config.requestTimeout * 1000)
    const signal = AbortSignal.any([c.req.raw.signal, timeout])
    try {
      return c.json(countBody(model, await completions.count({ ...request, signal })), 200)
    } catch (error) {
      if (!timeout.aborted) throw error
      throw new ApiError('deadline_exceeded', 'the pictures did not come in time', { cause: error })
    }
  })
}

interface Counted {
  readonly request: Omit<PromptRequest, 'signal'>
  readonly named: string | undefined
}

/** A request with `messages` is a chat's, any other the multimodal endpoint's. */
async function readRequest(c: Context<HttpEnv>, maxBodyBytes: number): Promise<Counted> {
  if (mediaTypeOf(c.req.raw) !== 'application/json') {
    const { request, images } = await readMultimodal(c.req.raw, maxBodyBytes, promptToCount)
    return { request: multimodalToCompletion(request, images), named: request.model }
  }
  const body = await readJson(c.req.raw, maxBodyBytes)
  if ('messages' in body) {
    const request = parseRequest(chatRequest, body)
    return { request: chatToCompletion(request), named: request.model }
  }
  const { request, images } = jsonRequest(body, promptToCount)
  return { request: multimodalToCompletion(request, images), named: request.model }
}

function countBody(model: ServedModel, { textTokens, images, fits }: PromptCost): TokenizeResponse {
  const imageTokens = images.reduce((sum, { tokens }) => sum + tokens, 0)
  const promptTokens = textTokens + imageTokens
  return {
    object: 'token_count',
    model: model.name,
    prompt_tokens: promptTokens,
    text_tokens: textTokens,
    image_tokens: imageTokens,
    images: images.map(({ tokens, size }) => ({ tokens, ...size })),
    max_context_length: model.contextLength,
    max_answer_tokens: fits ? model.contextLength - promptTokens : 0,
    fits,
  }
}
