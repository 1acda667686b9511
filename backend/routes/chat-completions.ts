import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { chatChunk, chatResponse } from '../../shared/chat-response.ts'
import { chatRequest } from '../../shared/chat-schema.ts'
import { ApiError } from '../../shared/errors.ts'
import { parseRequest } from '../../shared/parse-request.ts'
import { newIdentity } from '../completion/answer-identity.ts'
import { chatAnswer, chatChunks } from '../completion/chat-answer.ts'
import { chatToCompletion } from '../completion/chat-request.ts'
import { responseConstraint } from '../completion/response-constraint.ts'
import { startCompletion, withErrorEvent } from '../completion/start-completion.ts'
import { serverTimingHeader } from '../completion/timings-body.ts'
import { errorResponses, generationErrors } from '../http/error-responses.ts'
import type { HttpEnv } from '../http/http-env.ts'
import { readJson } from '../http/read-body.ts'
import { requireModel } from '../http/require-model.ts'
import { sseResponse } from '../http/sse-response.ts'
import type { Server } from '../server.ts'

const chatRoute = createRoute({
  method: 'post',
  path: '/v1/chat/completions',
  tags: ['completions'],
  summary: 'The same for clients that speak OpenAI: turns of text and pictures in, the next turn out',
  request: { body: { required: true, content: { 'application/json': { schema: chatRequest } } } },
  responses: {
    200: {
      description: 'the answer; with `stream`, as events that end with `data: [DONE]`',
      content: {
        'application/json': { schema: chatResponse },
        'text/event-stream': { schema: chatChunk },
      },
      headers: serverTimingHeader,
    },
    ...errorResponses(...generationErrors),
  },
})

export function addChatCompletions(app: OpenAPIHono<HttpEnv>, server: Server) {
  app.openAPIRegistry.registerPath(chatRoute)
  app.post(chatRoute.path, async (c) => {
    const services = server.services()
    const request = parseRequest(chatRequest, await readJson(c.req.raw, server.config.maxBodyBytes))
    requireModel(services, request.model)
    requireSlots(request.n ?? 1, server.config.maxBatchSize)
    const identity = newIdentity('chatcmpl-', services.model.name)
    const wanted = chatToCompletion(request)
    const { thinking, tools } = wanted
    const format = { format: request.response_format, thinking, hasTools: tools.length > 0 }
    const createConstraint = await responseConstraint(services, format, c.req.raw.signal)
    const events = await startCompletion(c, server, services, {
      ...wanted,
      createConstraint,
      id: identity.id,
    })
    const shape = {
      identity,
      tokenizer: services.tokenizer,
      answers: wanted.answers,
      logprobs: wanted.logprobs !== null,
      includeUsage: request.stream_options?.include_usage === true,
    }
    if (request.stream === true) return sseResponse(c, withErrorEvent(c, chatChunks(shape, events)))
    return c.json(await chatAnswer(shape, events), 200)
  })
}

/** Several answers to one prompt are written side by side. */
function requireSlots(answers: number, slots: number) {
  if (answers <= slots) return
  const message = `n: this server writes at most ${slots} answers at once`
  throw new ApiError('invalid_request', message, { param: 'n' })
}
