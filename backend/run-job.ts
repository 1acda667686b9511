import { ApiError } from '../shared/errors.ts'
import { newIdentity } from './answer-identity.ts'
import type { ImageInput } from './completion-request.ts'
import { readJobFields } from './job-fields.ts'
import type { RunJob } from './jobs/job-consumer.ts'
import { requireModel } from './require-model.ts'
import { toCompletion, wholeAnswer } from './routes/multimodal-completions.ts'
import type { Services } from './services.ts'

/** Runs a job as the HTTP endpoint runs the same request, on behalf of the job's own caller. */
export function createRunJob(services: Services, timeoutMs: number): RunJob {
  return async (entry, callerId, signal) => {
    const { image, ...request } = readJobFields(entry)
    requireModel(services, request.model)
    const identity = newIdentity('cmpl-', services.model.name)
    const deadline = new AbortController()
    const expire = () => {
      deadline.abort(new ApiError('deadline_exceeded', `the answer was not complete within ${timeoutMs} ms`))
    }
    const timer = setTimeout(expire, timeoutMs)
    try {
      const events = services.completions.run({
        ...toCompletion(request, toImages(image)),
        id: identity.id,
        callerId,
        deadlineMs: Date.now() + timeoutMs,
        signal: AbortSignal.any([signal, deadline.signal]),
      })
      const answer = await wholeAnswer(identity, events)
      return { content: answer.choices[0]?.message.content ?? '', result: JSON.stringify(answer) }
    } finally {
      clearTimeout(timer)
    }
  }
}

function toImages(image: string | readonly string[]): ImageInput[] {
  if (typeof image === 'string') return [{ type: 'reference', reference: image, param: 'image' }]
  return image.map((reference, index) => ({ type: 'reference', reference, param: `image[${index}]` }))
}
