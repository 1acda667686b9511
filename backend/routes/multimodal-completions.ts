import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { multimodalChunk, multimodalRequest, multimodalResponse } from '../../shared/completion-schema.ts'
import { jobSchema } from '../../shared/job-schema.ts'
import { newIdentity } from '../completion/answer-identity.ts'
import type { CompletionEvent } from '../completion/completion-request.ts'
import { multimodalAnswer, multimodalChunks } from '../completion/multimodal-answer.ts'
import { multimodalToCompletion, readMultimodal } from '../completion/multimodal-request.ts'
import { multimodalConstraint } from '../completion/response-constraint.ts'
import { attachedImages, startCompletion, withErrorEvent } from '../completion/start-completion.ts'
import { serverTimingHeader } from '../completion/timings-body.ts'
import { jobRequest } from '../deferral/job-request.ts'
import { respondAsync } from '../deferral/respond-async.ts'
import { errorResponses, generationErrors } from '../http/error-responses.ts'
import type { HttpEnv } from '../http/http-env.ts'
import { requireModel } from '../http/require-model.ts'
import { sseResponse } from '../http/sse-response.ts'
import type { Server } from '../server.ts'

/** Spelled out, not extended: the document would hold a form to both schemas, and no form fits the first. */
export const multimodalForm = z
  .strictObject({
    ...multimodalRequest.shape,
    image: z.any().openapi({ type: 'string', format: 'binary', description: 'A file, or several.' }),
  })
  .openapi('MultimodalCompletionForm')

const multimodalRoute = createRoute({
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
    202: {
      description: 'with `Prefer: respond-async`, when the queue is full and the server takes jobs',
      content: { 'application/json': { schema: jobSchema } },
    },
    ...errorResponses(...generationErrors),
  },
})

export function addMultimodalCompletions(app: OpenAPIHono<HttpEnv>, server: Server) {
  app.openAPIRegistry.registerPath(multimodalRoute)
  app.post(multimodalRoute.path, async (c) => {
    const services = server.services()
    const { request, images } = await readMultimodal(c.req.raw, server.config.maxBodyBytes)
    requireModel(services, request.model)
    const identity = newIdentity('cmpl-', services.model.name)
    let events: AsyncIterable<CompletionEvent>
    try {
      events = await startCompletion(c, server, services, {
        ...multimodalToCompletion(request, images),
        createConstraint: await multimodalConstraint(services, request, c.req.raw.signal),
        id: identity.id,
      })
    } catch (error) {
      return respondAsync(c, server, error, () =>
        jobRequest(request, attachedImages(images, c.get('signed'))),
      )
    }
    if (request.stream === true) return sseResponse(c, withErrorEvent(c, multimodalChunks(identity, events)))
    return c.json(await multimodalAnswer(identity, events), 200)
  })
}
