/** @import { AnswerEvent, ApiRequest, Failure, Stage, Usage } from './types.ts' */
import { readEvents } from './read-events.js'

/** The server ends every request by itself, sooner. */
const TIMEOUT_MS = 3_600_000

/** A request that brought no whole answer. */
export class AskError extends Error {
  /** @param {Failure} failure */
  constructor(failure) {
    super(failure.message)
    /** @readonly */
    this.failure = failure
  }
}

/**
 * Sends a request and yields the answer as it comes; one that is not streamed comes in one piece.
 * @param {ApiRequest} request
 * @param {{ base: string, key: string, signal: AbortSignal }} options
 * @returns {AsyncGenerator<AnswerEvent>}
 * @throws {AskError} what the server said, or that it could not be reached.
 */
export async function* ask({ path, body, stream }, { base, key, signal }) {
  const response = await fetch(base + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify(body),
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  }).catch((error) => {
    throw signal.aborted ? error : new AskError(pageFailure('unreachable'))
  })
  if (!response.ok) throw new AskError(await readFailure(response))
  if (stream && response.body !== null) yield* streamed(response, response.body, signal)
  else yield* whole(await response.json(), response.headers.get('server-timing') ?? '')
}

/**
 * @param {Response} response
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} body
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<AnswerEvent>}
 */
async function* streamed(response, body, signal) {
  let reason = ''
  /** @type {Usage | null} */
  let usage = null
  /** @type {Partial<Record<Stage, number>>} */
  let timings = {}
  try {
    for await (const data of readEvents(body)) {
      const event = JSON.parse(data)
      if (event.error !== undefined)
        throw new AskError({ ...failureOf(event.error), ...origin(response), status: null })
      const [choice] = event.choices
      const { content = '', reasoning_content: reasoning = '' } = choice?.delta ?? {}
      if (content || reasoning) yield { type: 'delta', content: content ?? '', reasoning: reasoning ?? '' }
      reason = choice?.finish_reason ?? reason
      usage = event.usage ?? usage
      if (event.timings) timings = fromFields(event.timings)
    }
  } catch (error) {
    if (signal.aborted || error instanceof AskError) throw error
  }
  if (reason === '') throw new AskError(pageFailure('interrupted'))
  yield { type: 'finish', reason, usage, timings }
}

/**
 * @param {any} answer the server's own JSON
 * @param {string} serverTiming
 * @returns {Generator<AnswerEvent>}
 */
function* whole(answer, serverTiming) {
  const [{ message, finish_reason: reason }] = answer.choices
  yield { type: 'delta', content: message.content ?? '', reasoning: message.reasoning_content ?? '' }
  const stages = [...serverTiming.matchAll(/(\w+);dur=([\d.]+)/g)].map(([, name, ms]) => [name, Number(ms)])
  yield { type: 'finish', reason, usage: answer.usage ?? null, timings: Object.fromEntries(stages) }
}

/** @param {Record<string, number>} fields `queue_ms` and so on */
const fromFields = (fields) =>
  Object.fromEntries(Object.entries(fields).map(([name, ms]) => [name.replace('_ms', ''), ms]))

/**
 * @param {Response} response
 * @returns {Promise<Failure>}
 */
async function readFailure(response) {
  const body = await response.json().catch(() => ({}))
  return { ...failureOf(body?.error ?? {}), ...origin(response) }
}

/** @param {{ code?: string, message?: string, param?: string | null }} error */
const failureOf = ({ code = 'unknown', message = '', param = null }) => ({ code, message, param })

/** @param {Response} response */
const origin = ({ status, headers }) => ({
  status,
  requestId: headers.get('x-request-id'),
  retryAfterS: headers.has('retry-after') ? Number(headers.get('retry-after')) : null,
})

/**
 * What the page itself noticed.
 * @param {'unreachable' | 'interrupted'} code
 * @returns {Failure}
 */
const pageFailure = (code) => ({
  status: null,
  code,
  message: '',
  param: null,
  requestId: null,
  retryAfterS: null,
})
