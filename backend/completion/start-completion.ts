import type { Context } from 'hono'
import { ApiError } from '../../shared/errors.ts'
import { attachmentIndex } from '../../shared/wire-body.ts'
import type { HttpEnv, SignedRequest } from '../http/http-env.ts'
import { noteError } from '../middleware/on-error.ts'
import type { Server } from '../server.ts'
import type { Services } from '../services.ts'
import type { CompletionBody, CompletionEvent, CompletionRequest, ImageInput } from './completion-request.ts'
import { serverTiming, timingsBody } from './timings-body.ts'
import { TokenCount } from './token-count.ts'
import { usageBody } from './usage-body.ts'

type Wanted = CompletionBody & Pick<CompletionRequest, 'id'>

/**
 * Starts a completion on behalf of an HTTP request: its caller, its deadline, its client's departure. Resolves when
 * the first event is there, so that whatever is wrong with the request still gets its own status.
 */
export async function startCompletion(
  c: Context<HttpEnv>,
  server: Server,
  services: Services,
  wanted: Wanted,
): Promise<AsyncIterable<CompletionEvent>> {
  const signed = c.get('signed')
  c.set('tokens', new TokenCount())
  const timeoutMs = requestTimeoutMs(c, server.config.requestTimeout * 1000)
  const deadline = new AbortController()
  const expire = () => {
    deadline.abort(new ApiError('deadline_exceeded', `the answer was not complete within ${timeoutMs} ms`))
  }
  const timer = setTimeout(expire, timeoutMs)
  const events = services.completions
    .run({
      ...wanted,
      images: attachedImages(wanted.images, signed),
      maxTotalTokens: signed?.claims.maxTotalTokens ?? null,
      callerId: c.get('callerId'),
      deadlineMs: Date.now() + timeoutMs,
      signal: AbortSignal.any([c.req.raw.signal, deadline.signal]),
    })
    [Symbol.asyncIterator]()
  try {
    const first = await events.next()
    return logged(c, wanted, first, events, () => clearTimeout(timer))
  } catch (error) {
    clearTimeout(timer)
    throw error
  }
}

/**
 * The pictures themselves, where the edge has sent them along.
 * @throws {ApiError} `invalid_image_url` for an address: what came through the edge is never fetched here.
 */
export function attachedImages(
  images: readonly ImageInput[],
  signed: SignedRequest | null,
): readonly ImageInput[] {
  return signed === null ? images : images.map((image) => attached(image, signed))
}

/** A picture the edge has sent along stands in the request as a reference to it. */
function attached(image: ImageInput, { attachments }: SignedRequest): ImageInput {
  if (image.type === 'bytes') return image
  const index = attachmentIndex(image.reference)
  const bytes = index === null ? undefined : attachments[index]
  if (bytes !== undefined) return { type: 'bytes', bytes, param: image.param }
  throw new ApiError('invalid_image_url', 'the edge sends pictures along, never their addresses', {
    param: image.param,
  })
}

/** A caller may ask for less time than the server gives, never for more; the edge's deadline counts from its start. */
function requestTimeoutMs(c: Context<HttpEnv>, serverMs: number): number {
  const deadlineMs = c.get('signed')?.claims.deadlineMs ?? Number.POSITIVE_INFINITY
  const maxMs = Math.min(serverMs, Math.max(1, deadlineMs - Date.now()))
  const given = c.req.header('x-request-timeout-ms')
  if (given === undefined) return maxMs
  const parsed = Number(given)
  if (Number.isInteger(parsed) && parsed > 0) return Math.min(parsed, maxMs)
  throw new ApiError('invalid_request', 'x-request-timeout-ms must be a whole number of milliseconds', {
    param: 'x-request-timeout-ms',
  })
}

async function* logged(
  c: Context<HttpEnv>,
  wanted: Wanted,
  first: IteratorResult<CompletionEvent>,
  rest: AsyncIterator<CompletionEvent>,
  release: () => void,
): AsyncGenerator<CompletionEvent> {
  const access = c.get('access')
  access['prompt_len'] = promptLength(wanted)
  access['response_len'] = 0
  access['status'] = 'cancelled'
  const finished: Finish[] = []
  const tokens = c.get('tokens')
  let responseLength = 0
  try {
    for (let step = first; step.done !== true; step = await rest.next()) {
      const event = step.value
      tokens.add(event)
      if (event.type === 'delta') responseLength += event.content.length
      else {
        finished.push(event)
        Object.assign(access, finishFields(event, finished))
        if (finished.length === wanted.answers) access['status'] = 'success'
        if (!c.finalized) c.header('server-timing', serverTiming(event.timings)) // a stream's headers are long gone
      }
      access['response_len'] = responseLength
      yield event
    }
  } finally {
    release()
    await rest.return?.()
  }
}

function promptLength(wanted: Wanted): number {
  const texts = wanted.messages.flatMap(({ content }) =>
    typeof content === 'string' ? content : content.map((part) => (part.type === 'text' ? part.text : '')),
  )
  return texts.reduce((sum, text) => sum + text.length, 0)
}

type Finish = Extract<CompletionEvent, { type: 'finish' }>

/** Of several answers: the last one's end, and what all of them took. */
function finishFields({ timings, reason }: Finish, finished: readonly Finish[]) {
  const usage = usageBody(finished.map((finish) => finish.usage))
  return {
    prompt_tokens: usage.prompt_tokens,
    completion_tokens: usage.completion_tokens,
    cached_tokens: usage.prompt_tokens_details.cached_tokens,
    finish_reason: reason,
    ...timingsBody(timings),
  }
}

/** A failure after the first byte cannot change the status any more: it is the stream's last event instead. */
export async function* withErrorEvent(
  c: Context<HttpEnv>,
  events: AsyncIterable<string>,
): AsyncGenerator<string> {
  try {
    yield* events
  } catch (error) {
    if (c.req.raw.signal.aborted) return
    const known =
      error instanceof ApiError ? error : new ApiError('internal_error', 'internal error', { cause: error })
    noteError(c, known)
    yield JSON.stringify(known.body())
  }
}
