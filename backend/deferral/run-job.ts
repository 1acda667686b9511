import { ApiError } from '../../shared/errors.ts'
import { newIdentity } from '../completion/answer-identity.ts'
import type { CompletionEvent } from '../completion/completion-request.ts'
import { multimodalAnswer } from '../completion/multimodal-answer.ts'
import { imageInputs, multimodalToCompletion } from '../completion/multimodal-request.ts'
import { multimodalConstraint } from '../completion/response-constraint.ts'
import { TokenCount } from '../completion/token-count.ts'
import { requireModel } from '../http/require-model.ts'
import type { JobRun, RunJob } from '../jobs/job-consumer.ts'
import type { Services } from '../services.ts'
import { readJobFields } from './job-fields.ts'

/** Runs a job as the HTTP endpoint runs the same request, on behalf of the job's own caller. */
export function createRunJob(services: Services, timeoutMs: number): RunJob {
  return async (entry, { callerId, maxTotalTokens, signal, onTokens }) => {
    const { image, ...request } = readJobFields(entry)
    requireModel(services, request.model)
    const identity = newIdentity('cmpl-', services.model.name)
    const deadline = new AbortController()
    const expire = () => {
      deadline.abort(new ApiError('deadline_exceeded', `the answer was not complete within ${timeoutMs} ms`))
    }
    const timer = setTimeout(expire, timeoutMs)
    try {
      const both = AbortSignal.any([signal, deadline.signal])
      const events = services.completions.run({
        ...multimodalToCompletion(request, imageInputs(image)),
        createConstraint: await multimodalConstraint(services, request, both),
        id: identity.id,
        callerId,
        maxTotalTokens,
        deadlineMs: Date.now() + timeoutMs,
        signal: both,
      })
      const answer = await multimodalAnswer(identity, counted(events, onTokens))
      return { content: answer.choices[0]?.message.content ?? '', result: JSON.stringify(answer) }
    } finally {
      clearTimeout(timer)
    }
  }
}

async function* counted(events: AsyncIterable<CompletionEvent>, onTokens: JobRun['onTokens']) {
  const count = new TokenCount()
  for await (const event of events) {
    count.add(event)
    onTokens(count)
    yield event
  }
}
