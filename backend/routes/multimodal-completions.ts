import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { multimodalChunk, multimodalRequest, multimodalResponse } from '../../shared/completion-schema.ts'
import { jobSchema } from '../../shared/job-schema.ts'
import { newIdentity } from '../answer-identity.ts'
import type { CompletionEvent } from '../completion-request.ts'
import { errorResponses, generationErrors } from '../error-responses.ts'
import type { HttpEnv } from '../http-env.ts'
import { jobRequest } from '../job-request.ts'
import { multimodalAnswer, multimodalChunks } from '../multimodal-answer.ts'
import { multimodalToCompletion, readMultimodal } from '../multimodal-request.ts'
import { requireModel } from '../require-model.ts'
import { respondAsync } from '../respond-async.ts'
import { multimodalConstraint } from '../response-constraint.ts'
import type { Server } from '../server.ts'
import { sseResponse } from '../sse-response.ts'
import { attachedImages, startCompletion, withErrorEvent } from '../start-completion.ts'
import { serverTimingHeader } from '../timings-body.ts'

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
